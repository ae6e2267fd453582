package dev.rwkv4j.tool.quality;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.offset;
import static org.assertj.core.api.Assertions.withinPercentage;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StatisticsTest {
    @Test
    void meanAndItsErrorAreThoseOfTheFormulas() {
        double[] values = new Random(1).doubles(1000, 5, 9).toArray();
        Mean mean = new Mean();
        Arrays.stream(values).forEach(mean::add);
        double average = Arrays.stream(values).sum() / values.length;
        double variance = Arrays.stream(values).map(x -> (x - average) * (x - average)).sum() / (values.length - 1);
        assertThat(mean.count()).isEqualTo(1000);
        assertThat(mean.value()).isCloseTo(average, offset(1e-12));
        assertThat(mean.error()).isCloseTo(Math.sqrt(variance / values.length), offset(1e-12));
    }

    @Test
    void ofNothingThereIsNoMean() {
        Mean mean = new Mean();
        assertThat(mean.value()).isNaN();
        mean.add(3);
        assertThat(mean.value()).isEqualTo(3);
        assertThat(mean.error()).isNaN();
    }

    @Test
    void aFairGuessAmongEightHasPerplexityEight() {
        Perplexity perplexity = new Perplexity();
        for (int i = 0; i < 10; i++) {
            perplexity.add(-Math.log(8), 2);
        }
        assertThat(perplexity.value()).isCloseTo(8, offset(1e-12));
        assertThat(perplexity.error()).isCloseTo(0, offset(1e-7));
        assertThat(perplexity.bitsPerByte()).isCloseTo(1.5, offset(1e-12));
        assertThat(perplexity.tokens()).isEqualTo(10);
        assertThat(perplexity.bytes()).isEqualTo(20);
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, 0.01, 0.5, 0.9, 0.99, 1})
    void quantilesAreThoseOfSortedValues(double share) {
        double[] values = new Random(2).doubles(997).map(x -> Math.exp(40 * x - 30)).toArray();
        Quantiles quantiles = new Quantiles();
        Arrays.stream(values).forEach(quantiles::add);
        Arrays.sort(values);
        double expected = values[Math.max(0, (int) Math.ceil(share * values.length) - 1)];
        assertThat(quantiles.quantile(share)).isCloseTo(expected, withinPercentage(0.1));
        assertThat(quantiles.largest()).isEqualTo(values[996]);
    }

    @Test
    void quantilesOfExtremeValues() {
        Quantiles quantiles = new Quantiles();
        assertThat(quantiles.quantile(0.5)).isNaN();
        quantiles.add(0);
        assertThat(quantiles.quantile(0.5)).isZero();
        quantiles.add(1e-300);
        quantiles.add(Float.MAX_VALUE);
        assertThat(quantiles.quantile(0.5)).isZero();
        assertThat(quantiles.quantile(1)).isCloseTo(Float.MAX_VALUE, withinPercentage(0.1));
    }
}
