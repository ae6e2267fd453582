package dev.rwkv4j.tool.random;

import java.util.random.RandomGenerator;

/** How the values of a random tensor are drawn. */
sealed interface Distribution {

    /**
     * One value.
     *
     * @param position where in its row the value lies, from 0 at the first to 1 at the last
     */
    float draw(RandomGenerator random, float position);

    /**
     * Bell-shaped: the sum of four uniform numbers, within 3.5 standard deviations of the mean. All that matters here
     * is mean and variance, and this costs a fraction of a true normal distribution.
     */
    record Bell(float mean, float standardDeviation) implements Distribution {
        /** The sum of four uniform integers 0 … 65535 has mean 2 · 65535 and variance 4 · (65536² − 1) / 12. */
        private static final float MEAN_OF_SUM = 2 * 65535f;

        private static final float DEVIATION_OF_SUM = (float) Math.sqrt((65536.0 * 65536 - 1) / 3);

        @Override
        public float draw(RandomGenerator random, float position) {
            long bits = random.nextLong();
            long sum = (bits & 0xffff) + (bits >>> 16 & 0xffff) + (bits >>> 32 & 0xffff) + (bits >>> 48);
            return mean + (sum - MEAN_OF_SUM) * (standardDeviation / DEVIATION_OF_SUM);
        }
    }

    /** Uniform between two bounds. */
    record Uniform(float from, float to) implements Distribution {
        @Override
        public float draw(RandomGenerator random, float position) {
            return from + (to - from) * random.nextFloat();
        }
    }

    /** Rises from the first to the last channel, with a little noise: how trained decays are spread. */
    record Rising(float from, float to) implements Distribution {
        private static final float NOISE = 0.2f;

        @Override
        public float draw(RandomGenerator random, float position) {
            return from + (to - from) * position + NOISE * (random.nextFloat() - 0.5f);
        }
    }
}
