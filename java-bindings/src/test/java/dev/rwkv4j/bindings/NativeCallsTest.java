package dev.rwkv4j.bindings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class NativeCallsTest {
    @Test
    void aCallThatSucceedsReturns() {
        NativeCalls.call(error -> rwkv_h.RWKV_OK());
    }

    @ParameterizedTest
    @EnumSource
    void everyStatusIsItself(RwkvStatus status) {
        assertThatExceptionOfType(RwkvNativeException.class)
                .isThrownBy(() -> NativeCalls.call(error -> {
                    rwkv_error.message(error).setString(0, "größer");
                    return status.code();
                }))
                .withMessage("größer")
                .satisfies(e -> assertThat(e.status()).isEqualTo(status))
                .satisfies(e -> assertThat(rwkv_h.rwkv_status_name(status.code()).getString(0))
                        .isEqualTo("RWKV_ERROR_" + status));
    }

    @Test
    void aStatusThatIsNoneIsAnError() {
        assertThatIllegalArgumentException().isThrownBy(() -> NativeCalls.call(error -> 99))
                .withMessageContaining("99");
    }

    @Test
    void aHandleIsReturned() {
        MemorySegment handle = NativeCalls.create((out, error) -> {
            out.set(ValueLayout.ADDRESS, 0, MemorySegment.ofAddress(4711));
            return rwkv_h.RWKV_OK();
        });
        assertThat(handle.address()).isEqualTo(4711);
        assertThat(handle.byteSize()).isZero();
    }
}
