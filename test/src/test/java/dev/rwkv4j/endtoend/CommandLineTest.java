package dev.rwkv4j.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import dev.rwkv4j.testdata.CommandLine;
import dev.rwkv4j.testdata.CommandLine.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The command as a process: what it prints where, and its exit codes. */
class CommandLineTest {
    @TempDir
    private Path folder;

    @Test
    void helpOfTheWhole() throws Exception {
        Result result = run("--help");
        assertThat(result.status()).isZero();
        assertThat(result.err()).isEmpty();
        assertThat(result.text()).startsWith("rwkv: ").contains("Usage: rwkv COMMAND");
    }

    @ParameterizedTest
    @ValueSource(strings = {"convert", "quantize", "info", "generate", "tokenize", "bench", "logits", "random", "demo"})
    void everyCommandHasHelp(String command) throws Exception {
        Result result = run(command, "--help");
        assertThat(result.status()).isZero();
        assertThat(result.err()).isEmpty();
        assertThat(result.text()).startsWith("rwkv " + command + ": ")
                .contains("Usage: rwkv " + command, "Examples:", "-h, --help");
        assertThat(result.text().lines()).allSatisfy(line -> assertThat(line.length()).isLessThanOrEqualTo(100));
        assertThat(run("help", command).text()).isEqualTo(result.text());
    }

    @Test
    void version() throws Exception {
        Result result = run("--version");
        assertThat(result.status()).isZero();
        assertThat(result.text()).matches("(?s)rwkv \\d+\\.\\d+\\.\\S+\n.*")
                .contains("Java " + Runtime.version().feature());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
            "conver                              | unknown command conver",
            "--tensors                           | unknown option --tensors, expected a command",
            "info                                | MODEL is missing; see rwkv info --help",
            "info a b                            | unexpected b, expected MODEL; see rwkv info --help",
            "info a --jsom                       | unknown option --jsom, did you mean --json?; see rwkv info --help",
            "convert a                           | OUT.gguf is missing; see rwkv convert --help",
            "convert a b -t Q4_0                 | -t, --type is Q4_0, expected one of F32, F16 or BF16",
            "convert a b --group-norm-epsilon 0  | --group-norm-epsilon is 0, expected a number from",
            "tokenize text                       | a vocabulary is missing: -m MODEL or --vocab FILE",
            "tokenize -m a -v b text             | options -m, --model and -v, --vocab exclude each other",
            "tokenize -m a --ids --json text     | options -i, --ids and -j, --json exclude each other",
            "generate -p hello                   | option -m, --model FILE is missing",
            "generate -m a                       | a prompt is missing: -p TEXT or -f FILE",
            "generate -m a -p b -f c             | options -p, --prompt and -f, --file exclude each other",
            "generate -m a -p b --temperature -1 | --temperature is -1, expected a number of at least 0",
            "generate -m a -p b --top-p 2        | --top-p is 2, expected a number from 0 to 1",
            "generate -m a -p b -n x             | -n, --max-tokens is x, expected an integer of at least 0",
            "generate -m a -p b -t 0             | -t, --threads is 0, expected an integer from 1 to 1024",
            "generate -m a -p b --stop=          | --stop is empty, expected a text",
            "logits --tokens 1                   | option -m, --model FILE is missing",
            "logits -m a                         | option --tokens IDS is missing",
            "logits -m a --tokens ,              | --tokens is empty",
            "logits -m a --tokens 1,b            | \"b\" is no token, expected ids",
            "bench                               | option -m, --model FILE is missing",
            "bench -m a -t 1 -t x                | -t, --threads is x, expected an integer from 1 to 1024",
            "random out.gguf                     | option -s, --shape SHAPE is missing",
            "random out.gguf -s rwkv7-0.1         | unknown shape rwkv7-0.1, did you mean rwkv7-0.1b?",
            "random out.gguf -s rwkv7-0.1b -t Q9 | -t, --type is Q9, expected one of F32, F16",
            "random out.gguf -s rwkv7-0.1b -l 0  | -l, --layers is 0, expected an integer from 1 to 1000",
    })
    void whatIsMistypedIsSaidInOneLine(String typed, String message) throws Exception {
        Result result = run(typed.split(" "));
        assertThat(result.status()).isEqualTo(2);
        assertThat(result.out()).isEmpty();
        assertThat(result.err()).startsWith("rwkv: " + message).hasLineCount(1);
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void infoOfAModel() throws Exception {
        Path model = random("model.gguf");
        Result result = run("info", model.toString());
        assertThat(result.err()).isEmpty();
        assertThat(result.status()).isZero();
        assertThat(result.text()).contains("RWKV-7", "1 layer of width 768, 12 heads of 64", "300 tokens", "Q4_0");
    }

    @Test
    void infoAsJson() throws Exception {
        Result result = run("info", random("model.gguf").toString(), "--json", "--tensors");
        assertThat(result.text()).startsWith("{\n").endsWith("}\n")
                .contains("\"version\": \"7\"", "\"layers\": 1", "\"vocabulary_size\": 300")
                .contains("\"name\": \"token_embd.weight\"");
    }

    @Test
    void aRandomModelIsTheSameForTheSameSeed() throws Exception {
        Path one = random("one.gguf");
        Path other = random("other.gguf");
        assertThat(other).hasSameBinaryContentAs(one);
    }

    @Test
    void aFileIsReplacedOnlyIfAsked() throws Exception {
        Path model = random("model.gguf");
        Result refused = run("random", "model.gguf", "-s", "rwkv7-0.1b", "-l", "1", "-v", "300", "--seed", "2");
        assertThat(refused.status()).isEqualTo(2);
        assertThat(refused.err()).isEqualTo("rwkv: model.gguf exists already; --force replaces it\n");
        byte[] before = Files.readAllBytes(model);
        Result done = run("random", "model.gguf", "-s", "rwkv7-0.1b", "-l", "1", "-v", "300", "--seed", "2", "--force");
        assertThat(done.status()).isZero();
        assertThat(Files.readAllBytes(model)).isNotEqualTo(before);
    }

    @Test
    void badModelFilesAreSaidInOneLine() throws Exception {
        Path model = random("model.gguf");
        byte[] content = Files.readAllBytes(model);
        Files.write(folder.resolve("short.gguf"), Arrays.copyOf(content, content.length - 1));
        content[0] = 'X';
        Files.write(folder.resolve("magic.gguf"), content);
        Files.createFile(folder.resolve("empty.gguf"));
        Files.createDirectory(folder.resolve("folder.gguf"));
        fails("absent.gguf: no such file", "info", "absent.gguf");
        fails("empty.gguf: the file is empty", "info", "empty.gguf");
        fails("folder.gguf: is a directory, not a GGUF file", "info", "folder.gguf");
        fails("magic.gguf: not a GGUF file", "info", "magic.gguf");
        fails("short.gguf: ", "info", "short.gguf");
        fails("short.gguf: ", "generate", "-m", "short.gguf", "-p", "hello");
        fails("absent.gguf: no such file", "logits", "-m", "absent.gguf", "--tokens", "1");
        fails("empty.gguf: the file is empty", "bench", "-m", "empty.gguf");
        fails("magic.gguf: not a GGUF file", "tokenize", "-m", "magic.gguf", "hello");
        fails("absent.pth: no such file", "convert", "absent.pth", "out.gguf");
        fails("empty.gguf: ", "convert", "empty.gguf", "out.gguf");
        assertThat(folder.resolve("out.gguf")).doesNotExist();
    }

    @Test
    void outputThatCanNotBeWritten() throws Exception {
        Result result = run("random", "nowhere/out.gguf", "-s", "rwkv7-0.1b");
        assertThat(result.status()).isEqualTo(2);
        assertThat(result.err()).isEqualTo("rwkv: nowhere/out.gguf: its directory does not exist\n");
    }

    private void fails(String message, String... arguments) throws IOException, InterruptedException {
        Result result = run(arguments);
        assertThat(result.status()).isEqualTo(1);
        assertThat(result.out()).isEmpty();
        assertThat(result.err()).startsWith("rwkv: " + message).hasLineCount(1);
    }

    private Path random(String name) throws IOException, InterruptedException {
        Result result = run("random", name, "-s", "rwkv7-0.1b", "--layers", "1", "--vocabulary", "300", "-t", "q4_0");
        assertThat(result.err()).startsWith(name + ": ");
        assertThat(result.status()).isZero();
        assertThat(result.out()).isEmpty();
        return folder.resolve(name);
    }

    private Result run(String... arguments) throws IOException, InterruptedException {
        return CommandLine.run(folder, arguments);
    }
}
