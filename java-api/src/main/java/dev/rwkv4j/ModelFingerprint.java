package dev.rwkv4j;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.rwkv4j.gguf.GgufFile;
import dev.rwkv4j.gguf.GgufTensor;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.TreeMap;

/** Tells models apart without reading them whole. */
final class ModelFingerprint {
    /** Of each tensor; training or quantising anew changes them all. */
    private static final long SAMPLE_BYTES = 512;

    private ModelFingerprint() {
    }

    /** The SHA-256 of the architecture and, ordered by name, of each tensor's name, type, dimensions and first bytes. */
    static String of(String architecture, GgufFile file) {
        MessageDigest digest = sha256();
        digest.update((architecture + "\n").getBytes(UTF_8));
        for (GgufTensor tensor : new TreeMap<>(file.tensors()).values()) {
            digest.update((tensor.name() + " " + tensor.type() + " " + tensor.dims() + "\n").getBytes(UTF_8));
            digest.update(tensor.data().asSlice(0, Math.min(SAMPLE_BYTES, tensor.byteSize())).asByteBuffer());
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java platform has SHA-256", e);
        }
    }
}
