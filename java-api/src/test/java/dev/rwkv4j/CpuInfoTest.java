package dev.rwkv4j;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class CpuInfoTest {
    @Test
    void saysWhatRunsHere() {
        CpuInfo info = CpuInfo.current();
        assertThat(info.tiers()).contains(info.tier()).endsWith("scalar").doesNotHaveDuplicates();
        assertThat(info.processors()).isPositive();
        String forced = System.getenv("RWKV_CPU_TIER");
        assertThat(info.tier()).isEqualTo(forced != null ? forced : info.tiers().getFirst());
    }
}
