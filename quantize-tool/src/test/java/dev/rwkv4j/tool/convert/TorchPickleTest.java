package dev.rwkv4j.tool.convert;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.rwkv4j.tool.convert.TorchPickle.Tuple;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TorchPickleTest {
    private static final Path FILE = Path.of("some.pth");

    @Test
    void valuesAreWhatPythonMeans() throws IOException {
        PickleBytes pickle = new PickleBytes().raw('(').raw('N', 0x88, 0x89, 'K', 200, 'M', 1, 2)
                .raw('J', 0xfe, 0xff, 0xff, 0xff).raw(0x8a, 0).raw(0x8a, 2, 0, 0x80).integer(Long.MIN_VALUE)
                .raw('G', 0xbf, 0xf8, 0, 0, 0, 0, 0, 0).string("text").raw(0x8c, 1, 'c').raw('t');
        assertThat(read(pickle.stop())).isEqualTo(new Tuple(List.of(TorchPickle.None.NONE, true, false, 200L, 513L, -2L,
                0L, -32768L, Long.MIN_VALUE, -1.5, "text", "c")));
    }

    @Test
    void structuresNestAndShare() throws IOException {
        PickleBytes pickle = new PickleBytes().raw('}', 'q', 7).string("list").raw(']', 'K', 1, 'a', '(', 'K', 2, 'e')
                .raw('s').string("tuples").raw(')', 0x85, 'N', 0x86, 'N', 'N', 0x87).raw('s');
        Object nothing = TorchPickle.None.NONE;
        assertThat(read(pickle.stop())).isEqualTo(Map.of("list", List.of(1L, 2L), "tuples",
                new Tuple(List.of(new Tuple(List.of(new Tuple(List.of(new Tuple(List.of()))), nothing)), nothing,
                        nothing))));
    }

    @Test
    void memosOfBothProtocolsAreRemembered() throws IOException {
        PickleBytes pickle = new PickleBytes().raw(0x95, 0, 0, 0, 0, 0, 0, 0, 0).raw('(').string("a").raw(0x94)
                .string("b").raw('r', 255, 255, 0, 0).raw('h', 0).raw('j', 255, 255, 0, 0).raw('t');
        assertThat(read(pickle.stop())).isEqualTo(new Tuple(List.of("a", "b", "a", "b")));
    }

    @ParameterizedTest
    @CsvSource({"os, system", "builtins, eval", "posix, system", "numpy.core.multiarray, scalar", "torch, load",
            "torch, FloatStorage2", "torch._utils, _rebuild_tensor"})
    void anythingElseIsRefusedByName(String module, String name) {
        String problem = "asks for " + module + "." + name + ", ";
        refused(new PickleBytes().global(module, name).stop(), problem);
        refused(new PickleBytes().string(module).string(name).raw(0x93).stop(), problem);
    }

    @Test
    void operationsThatTensorsDoNotNeedAreRefused() {
        for (char opcode : "ioPpV I\u0081\u0082\u0092FLSdgl0123\u0097".toCharArray()) {
            refused(new PickleBytes().raw(opcode).stop(), String.format("has the operation 0x%02x", (int) opcode));
        }
    }

    @ParameterizedTest
    @CsvSource(quoteCharacter = '"', value = {
            "s, needs 2 values", "t, asks for a mark", "(b, mark where a value", "R, needs 2 values",
            "NNR, can't be called",
            "N)R, can't be called", "}NNs, neither strings nor integers", "}]Ns, neither strings nor integers",
            "}(Nu, key without a value", "]NNs, not a map", "}Na, not a list", "NNb, not a map", "Q, needs 1 values",
            "NQ, not a storage", ")Q, not a storage", "(q\u0001, not a value", "q\u0001, not a value",
            "h\u0001, nothing was put into", "NN, ends with 2 values", "\"\", ends with 0 values",
            "(, ends with 1 values",
            "\u008a., integer of 46 bytes"})
    void nonsenseIsRefused(String operations, String problem) {
        refused(new PickleBytes().raw(operations.chars().toArray()).stop(), problem);
    }

    @Test
    void argumentsAreChecked() {
        PickleBytes tensor = new PickleBytes().global("torch._utils", "_rebuild_tensor_v2").raw('(');
        refused(tensor.raw('N', 'N', 'N', 'N', 't', 'R').stop(), "in another way");
        refused(new PickleBytes().global("torch._utils", "_rebuild_parameter").raw(')', 'R').stop(), "not a tensor");
        refused(new PickleBytes().global("collections", "OrderedDict").raw('N', 0x85, 'R').stop(),
                "a map of something");
        refused(new PickleBytes().global("torch", "FloatStorage").raw(')', 'R').stop(), "can't be called");
        refused(new PickleBytes().raw('}').string("a").raw('N', 's').string("a").raw('N', 's').stop(),
                "two entries named a");
    }

    @Test
    void depthAndCyclesAreHarmless() throws IOException {
        PickleBytes deep = new PickleBytes();
        for (int i = 0; i < 100_000; i++) {
            deep.raw(']');
        }
        for (int i = 1; i < 100_000; i++) {
            deep.raw('a');
        }
        assertThat(read(deep.stop())).isInstanceOf(List.class);
        PickleBytes cyclic = new PickleBytes().raw(']', 'q', 0, 'h', 0, 'a', 'q', 1, 'h', 0, 'h', 0, 0x86, 'q', 2);
        assertThat(read(cyclic.raw('a').stop())).isInstanceOf(List.class);
        refused(new PickleBytes().raw('}', ']', 'q', 0, 'h', 0, 'a', 'N', 's').stop(), "neither strings nor integers");
    }

    @Test
    void theNumberOfValuesIsLimited() {
        PickleBytes pickle = new PickleBytes();
        for (int i = 0; i < 600_000; i++) {
            pickle.raw('}');
        }
        refused(pickle.stop(), "more than 524288 values");
        PickleBytes memo = new PickleBytes().raw('N');
        for (int i = 0; i < 600_000; i++) {
            memo.raw('r', i & 255, i >> 8 & 255, i >> 16, 0);
        }
        refused(memo.stop(), "more than 524288 values");
    }

    @Test
    void theEndMayComeAnywhere() {
        byte[] whole = PthBytes.pickle(TinyModel.of("4")).stop();
        for (int length = 0; length < whole.length; length++) {
            byte[] part = Arrays.copyOf(whole, length);
            assertThatThrownBy(() -> read(part)).isInstanceOf(CheckpointFormatException.class)
                    .hasMessageContaining("damaged or incomplete").hasMessageContaining("at byte");
        }
    }

    private static Object read(byte[] pickle) throws IOException {
        return new TorchPickle(new FileCursor(FILE, MemorySegment.ofArray(pickle), 0, pickle.length)).read();
    }

    private static void refused(byte[] pickle, String problem) {
        assertThatThrownBy(() -> read(pickle)).isInstanceOf(CheckpointFormatException.class)
                .hasMessageStartingWith("some.pth: ").hasMessageContaining(problem);
    }
}
