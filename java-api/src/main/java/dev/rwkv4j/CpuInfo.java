package dev.rwkv4j;

import dev.rwkv4j.bindings.NativeCalls;
import dev.rwkv4j.bindings.RwkvNativeException;
import dev.rwkv4j.bindings.rwkv_cpu_info;
import dev.rwkv4j.bindings.rwkv_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Which kernels of the native library this processor runs.
 *
 * @param tier the family of kernels in use: {@code scalar}, {@code avx2}, …; the best one, or the one that the environment
 *     variable {@code RWKV_CPU_TIER} names
 * @param tiers all that this processor and its operating system can run, best first
 * @param processors processors that this process may use
 */
public record CpuInfo(String tier, List<String> tiers, int processors) {
    /** Copies the list. */
    public CpuInfo {
        tiers = List.copyOf(tiers);
    }

    /**
     * Asks the native library.
     *
     * @return what is in use here
     * @throws IllegalStateException if {@code RWKV_CPU_TIER} names no tier that can run here
     */
    public static CpuInfo current() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment info = rwkv_cpu_info.allocate(arena);
            rwkv_cpu_info.struct_size(info, Math.toIntExact(info.byteSize()));
            NativeCalls.call(error -> rwkv_h.rwkv_cpu_info(info, error));
            return new CpuInfo(
                    rwkv_cpu_info.tier(info).getString(0),
                    List.of(rwkv_cpu_info.tiers(info).getString(0).split(" ")),
                    rwkv_cpu_info.processor_count(info));
        } catch (RwkvNativeException e) {
            throw new IllegalStateException(e.getMessage(), e);
        }
    }
}
