package dev.rwkv4j.tool.convert;

/** Is told how far a conversion has come. */
@FunctionalInterface
public interface ConversionProgress {
    /** Tells nobody. */
    ConversionProgress NONE = (_, _, _) -> {
    };

    /**
     * A piece of at most some megabytes has been written. Called by the converting thread; an exception that it throws
     * ends the conversion.
     *
     * @param bytesDone bytes of tensor data written so far
     * @param bytesInAll bytes of tensor data that the file will have
     * @param tensor the GGUF name of the tensor that is being written
     */
    void update(long bytesDone, long bytesInAll, String tensor);
}
