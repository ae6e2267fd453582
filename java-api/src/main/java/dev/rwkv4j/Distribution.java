package dev.rwkv4j;

/**
 * From scores to the probabilities of the tokens that survive the cuts of a {@link Sampling}, without sorting the vocabulary
 * and without taking memory for each computation.
 *
 * <p>Probabilities are kept as weights: {@code exp(score − largest score)}, whose sum is not 1. The tokens that can survive
 * are gathered first, by a threshold that is lower than where top-p can cut: a token whose probability is below
 * {@code (1 − top-p) / number of tokens} is not needed, because all such tokens together have less than 1 − top-p. With a
 * trained model these are a few hundred of 65,536; all later steps look at them only.
 */
final class Distribution {
    private final Sampling sampling;
    private final WeightSelector selector = new WeightSelector();
    /** Weights of all tokens; when the survivors have been gathered, room for the selector to work in. */
    private final float[] weights;
    // The surviving tokens, in ascending order, and their weights.
    private final int[] tokens;
    private final float[] survivors;
    private int count;
    private double sum;

    Distribution(Sampling sampling, int size) {
        this.sampling = sampling;
        this.weights = new float[size];
        this.tokens = new int[size];
        this.survivors = new float[size];
    }

    /**
     * Computes the distribution.
     *
     * @param scores one for each token
     * @throws IllegalArgumentException if one is NaN or positive infinity, or all are negative infinity
     */
    void compute(float[] scores) {
        float largest = Softmax.largest(scores);
        if (sampling.temperature() == 0 || sampling.topP() == 0) {
            gatherLargest(scores, largest);
        } else {
            double total = Softmax.weigh(scores, largest, weights);
            gather(total);
            cutTopP(total);
        }
        cutTopK();
        if (sampling.temperature() != 0 && sampling.temperature() != 1) {
            applyTemperature(scores, largest);
        }
        sum = Softmax.sum(survivors, count);
    }

    /**
     * Draws a token.
     *
     * @param uniform a random number in [0, 1)
     */
    int draw(double uniform) {
        double left = uniform * sum;
        int last = 0;
        for (int i = 0; i < count; i++) {
            if (survivors[i] > 0) {
                left -= survivors[i];
                last = i;
                if (left < 0) {
                    break;
                }
            }
        }
        return tokens[last];
    }

    /** The probability of each token. */
    float[] toArray() {
        float[] probabilities = new float[weights.length];
        for (int i = 0; i < count; i++) {
            probabilities[tokens[i]] = (float) (survivors[i] / sum);
        }
        return probabilities;
    }

    private void gatherLargest(float[] scores, float largest) {
        count = 0;
        for (int token = 0; token < scores.length; token++) {
            if (scores[token] == largest) {
                tokens[count] = token;
                survivors[count++] = 1;
            }
        }
    }

    /** Gathers the tokens that survive min-p and may survive top-p. */
    private void gather(double total) {
        float threshold = (float) sampling.minP();
        if (sampling.topP() < 1) {
            // Half of what is certain, for the rounding of sums.
            threshold = Math.max(threshold, (float) (0.5 * (1 - sampling.topP()) * total / weights.length));
        }
        count = 0;
        for (int token = 0; token < weights.length; token++) {
            // No branch, which would often be mispredicted: what does not survive is written over.
            tokens[count] = token;
            survivors[count] = weights[token];
            count += weights[token] >= threshold ? 1 : 0;
        }
    }

    /** Of the survivors keeps those that are as likely as the last one needed to reach top-p. */
    private void cutTopP(double total) {
        if (sampling.topP() >= 1) {
            return;
        }
        System.arraycopy(survivors, 0, weights, 0, count);
        float cut = selector.cutBySum(weights, count, sampling.topP() * total);
        keep(cut, count);
    }

    private void cutTopK() {
        int k = sampling.topK();
        if (k == 0 || k >= count) {
            return;
        }
        System.arraycopy(survivors, 0, weights, 0, count);
        float cut = selector.largest(weights, count, k);
        int larger = 0;
        for (int i = 0; i < count; i++) {
            larger += survivors[i] > cut ? 1 : 0;
        }
        keep(cut, k - larger);
    }

    /** Keeps the survivors with a larger weight than the cut, and so many of those with just this weight. */
    private void keep(float cut, int equals) {
        int kept = 0;
        int room = equals;
        for (int i = 0; i < count; i++) {
            float weight = survivors[i];
            int larger = weight > cut ? 1 : 0;
            int equal = weight == cut ? Math.min(room, 1) : 0;
            tokens[kept] = tokens[i];
            survivors[kept] = weight;
            kept += larger + equal;
            room -= equal;
        }
        count = kept;
    }

    private void applyTemperature(float[] scores, float largest) {
        for (int i = 0; i < count; i++) {
            survivors[i] = scores[tokens[i]] - largest;
        }
        double temperature = sampling.temperature();
        for (int i = 0; i < count; i++) {
            survivors[i] = FastExp.exp((float) (survivors[i] / temperature));
        }
    }
}
