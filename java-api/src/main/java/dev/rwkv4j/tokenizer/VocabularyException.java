package dev.rwkv4j.tokenizer;

/** Something is wrong with a vocabulary; the message says what. Whoever knows file and place adds them. */
final class VocabularyException extends Exception {
    private static final long serialVersionUID = 1L;

    VocabularyException(String problem) {
        super(problem);
    }
}
