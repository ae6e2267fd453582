package dev.rwkv4j.tool.cli;

import java.util.ArrayList;
import java.util.List;
import org.apache.commons.cli.Option;
import org.apache.commons.cli.Options;

/**
 * All that a command has to say about itself, and what its command line is parsed by.
 *
 * @param name what it is called by
 * @param summary a few words for the list of commands
 * @param usage the forms of its command line, without {@code rwkv}
 * @param purpose one paragraph
 * @param operands names of what is not an option, in order; those in brackets may be left out; the last one may be repeated
 *     if its name ends with three dots
 * @param sections its options
 * @param examples command lines to copy
 */
public record Manual(
        String name,
        String summary,
        List<String> usage,
        String purpose,
        List<String> operands,
        List<Section> sections,
        List<Example> examples) {

    /** Options that belong together. */
    public record Section(String title, List<Option> options) {
    }

    /** A command line, and what it does. */
    public record Example(String what, String line) {
    }

    /** Begins a manual. */
    public static Builder of(String name, String summary) {
        return new Builder(name, summary);
    }

    /** All options of all sections, for the parser. */
    Options options() {
        Options options = new Options();
        sections.forEach(section -> section.options().forEach(options::addOption));
        return options;
    }

    long requiredOperands() {
        return operands.stream().filter(operand -> !operand.startsWith("[")).count();
    }

    boolean takesMoreOperands() {
        return !operands.isEmpty() && operands.getLast().endsWith("...");
    }

    /** Collects a manual in the order in which it is read. */
    public static final class Builder {
        private final String name;
        private final String summary;
        private final List<String> usage = new ArrayList<>();
        private final List<String> operands = new ArrayList<>();
        private final List<Section> sections = new ArrayList<>();
        private final List<Example> examples = new ArrayList<>();
        private String purpose = "";

        private Builder(String name, String summary) {
            this.name = name;
            this.summary = summary;
        }

        /** One form of the command line: what follows the command's name. */
        public Builder usage(String form) {
            usage.add((name + " " + form).strip());
            return this;
        }

        /** What it is for. */
        public Builder purpose(String paragraph) {
            purpose = paragraph.strip().replaceAll("\\s+", " ");
            return this;
        }

        /** What is not an option. */
        public Builder operand(String operand) {
            operands.add(operand);
            return this;
        }

        /** Begins a group of options. */
        public Builder section(String title) {
            sections.add(new Section(title, new ArrayList<>()));
            return this;
        }

        /**
         * An option with a value.
         *
         * @param letter its short form, or null
         * @param word its long form
         * @param value what the value is called
         * @param description what it does, in which unit, and what it is by default
         */
        public Builder value(String letter, String word, String value, String description) {
            return add(Option.builder(letter).longOpt(word).hasArg().argName(value).desc(description).get());
        }

        /** An option without a value. */
        public Builder flag(String letter, String word, String description) {
            return add(Option.builder(letter).longOpt(word).desc(description).get());
        }

        /** A command line to copy: what follows {@code rwkv}. */
        public Builder example(String what, String line) {
            examples.add(new Example(what, "rwkv " + line));
            return this;
        }

        /** The manual, with the options that every command has. */
        public Manual build() {
            section("Other");
            flag("h", "help", "show this page");
            flag(null, "debug", "show where in the program an error arose");
            return new Manual(name, summary, usage, purpose, operands, sections, examples);
        }

        private Builder add(Option option) {
            sections.getLast().options().add(option);
            return this;
        }
    }
}
