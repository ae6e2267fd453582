package dev.rwkv4j.tool.cli;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.apache.commons.cli.AmbiguousOptionException;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.DefaultParser;
import org.apache.commons.cli.MissingArgumentException;
import org.apache.commons.cli.Option;
import org.apache.commons.cli.Options;
import org.apache.commons.cli.ParseException;
import org.apache.commons.cli.UnrecognizedOptionException;

/**
 * The command line of one command. Options are asked for by their long form. Where an option was given more than once,
 * the last one counts, unless the command asks for all.
 */
public final class Arguments {
    private final Options options;
    private final CommandLine line;

    private Arguments(Options options, CommandLine line) {
        this.options = options;
        this.line = line;
    }

    /**
     * Parses what was typed.
     *
     * @param manual the command's
     * @param typed what follows the command's name
     * @throws UsageException if an option is unknown or lacks its value, or there are too few or too many operands
     */
    public static Arguments parse(Manual manual, List<String> typed) throws UsageException {
        Options options = manual.options();
        try {
            DefaultParser parser = DefaultParser.builder().setStripLeadingAndTrailingQuotes(false).get();
            Arguments arguments = new Arguments(options, parser.parse(options, typed.toArray(String[]::new)));
            arguments.checkOperands(manual);
            return arguments;
        } catch (ParseException e) {
            throw new UsageException(explain(e, options) + "; see rwkv " + manual.name() + " --help");
        }
    }

    private static String explain(ParseException failure, Options options) {
        return switch (failure) {
            case AmbiguousOptionException e -> "option " + e.getOption() + " may be --"
                    + String.join(" or --", e.getMatchingOptions());
            case UnrecognizedOptionException e -> "unknown option " + e.getOption() + suggestion(e, options);
            case MissingArgumentException e -> "option " + names(e.getOption()) + " lacks its value "
                    + e.getOption().getArgName();
            default -> failure.getMessage();
        };
    }

    private static String suggestion(UnrecognizedOptionException e, Options options) {
        String typed = e.getOption().replaceFirst("^-+", "").replaceFirst("=.*", "");
        List<String> known = options.getOptions().stream().map(Option::getLongOpt).toList();
        return Suggestion.of(typed, known).map(word -> ", did you mean --" + word + "?").orElse("");
    }

    private void checkOperands(Manual manual) throws UsageException {
        List<String> names = manual.operands();
        List<String> given = line.getArgList();
        String see = "; see rwkv " + manual.name() + " --help";
        if (given.size() < manual.requiredOperands()) {
            throw new UsageException(names.get(given.size()) + " is missing" + see);
        }
        if (given.size() > names.size() && !manual.takesMoreOperands()) {
            String expected = names.isEmpty() ? "only options" : String.join(" ", names);
            throw new UsageException("unexpected " + given.get(names.size()) + ", expected " + expected + see);
        }
    }

    /** Whether an option was given. */
    public boolean has(String option) {
        return line.hasOption(option);
    }

    /** The value of an option, if it was given. */
    public Optional<String> text(String option) {
        return texts(option).reversed().stream().findFirst();
    }

    /** All values of an option that may be repeated, in order. */
    public List<String> texts(String option) {
        String[] values = line.getOptionValues(option);
        return values == null ? List.of() : List.of(values);
    }

    /** The value of an option as a path. */
    public Optional<Path> path(String option) throws UsageException {
        Optional<String> text = text(option);
        return text.isEmpty() ? Optional.empty() : Optional.of(path(names(option), text.get()));
    }

    /** All values of an option that may be repeated, as paths. */
    public List<Path> paths(String option) throws UsageException {
        List<Path> paths = new ArrayList<>();
        for (String text : texts(option)) {
            paths.add(path(names(option), text));
        }
        return paths;
    }

    /** The value of an option that must be given, as a path. */
    public Path requiredPath(String option) throws UsageException {
        return path(option).orElseThrow(() -> missing(option));
    }

    /** Tells that an option must be given. */
    public UsageException missing(String option) {
        return new UsageException(
                "option " + names(option) + " " + options.getOption(option).getArgName() + " is missing");
    }

    /** Refuses two options together. */
    public void exclude(String one, String other) throws UsageException {
        if (has(one) && has(other)) {
            throw new UsageException("options " + names(one) + " and " + names(other) + " exclude each other");
        }
    }

    /** The value of an option as an integer between two bounds, or {@code absent}. */
    public int integer(String option, int absent, int least, int most) throws UsageException {
        return Math.toIntExact(integer(option, (long) absent, least, most));
    }

    /** The value of an option as an integer between two bounds, or {@code absent}. */
    public long integer(String option, long absent, long least, long most) throws UsageException {
        Optional<String> text = text(option);
        return text.isEmpty() ? absent : parseInteger(names(option), text.get(), least, most);
    }

    /** All values of an option that may be repeated, or have several with commas between them, as integers. */
    public List<Integer> integers(String option, int least, int most) throws UsageException {
        List<Integer> values = new ArrayList<>();
        for (String text : texts(option).stream().flatMap(Pattern.compile(",")::splitAsStream).toList()) {
            values.add(Math.toIntExact(parseInteger(names(option), text, least, most)));
        }
        return values;
    }

    /** The value of an option as a number between two bounds, or {@code absent}. */
    public double number(String option, double absent, double least, double most) throws UsageException {
        Optional<String> text = text(option);
        if (text.isEmpty()) {
            return absent;
        }
        String expected = most == Double.MAX_VALUE
                ? "a number of at least " + Figures.plain(least)
                : "a number from " + Figures.plain(least) + " to " + Figures.plain(most);
        double value = parse(names(option), text.get(), Double::parseDouble, expected);
        if (!(value >= least && value <= most)) {
            throw bad(names(option), text.get(), expected);
        }
        return value;
    }

    /** The value of an option as one of some constants, in any case, if it was given. */
    public <E extends Enum<E>> Optional<E> choice(String option, List<E> choices) throws UsageException {
        Optional<String> text = text(option);
        if (text.isEmpty()) {
            return Optional.empty();
        }
        for (E choice : choices) {
            if (choice.name().equalsIgnoreCase(text.get())) {
                return Optional.of(choice);
            }
        }
        throw bad(names(option), text.get(), "one of " + Figures.list(choices));
    }

    /** An operand, by its place, if it was given. */
    public Optional<String> operand(int index) {
        return index < line.getArgList().size() ? Optional.of(line.getArgList().get(index)) : Optional.empty();
    }

    /** An operand that the manual requires, as a path. */
    public Path operandPath(int index) throws UsageException {
        return path("operand", line.getArgList().get(index));
    }

    /** All operands from one on, as paths. */
    public List<Path> operandPaths(int from) throws UsageException {
        List<Path> paths = new ArrayList<>();
        for (String operand : line.getArgList().subList(from, line.getArgList().size())) {
            paths.add(path("operand", operand));
        }
        return paths;
    }

    /** Tells that the value of an option is not one of those expected. */
    public UsageException bad(String option, String value, String expected) {
        String what = options.hasOption(option) ? names(option) : option;
        return new UsageException(what + " is " + value + ", expected " + expected);
    }

    private long parseInteger(String what, String text, long least, long most) throws UsageException {
        String expected = least == Long.MIN_VALUE
                ? "an integer"
                : most >= Integer.MAX_VALUE
                        ? "an integer of at least " + least
                        : "an integer from " + least + " to " + most;
        long value = parse(what, text, Long::parseLong, expected);
        if (value < least || value > most) {
            throw bad(what, text, expected);
        }
        return value;
    }

    private <T> T parse(String what, String text, Function<String, T> parser, String expected) throws UsageException {
        try {
            return parser.apply(text.strip());
        } catch (NumberFormatException e) {
            throw bad(what, text, expected);
        }
    }

    private static Path path(String what, String text) throws UsageException {
        try {
            return Path.of(text);
        } catch (InvalidPathException e) {
            throw new UsageException(what + " is not a path: " + text.replaceAll("\\p{Cntrl}", "?"));
        }
    }

    private String names(String option) {
        return names(options.getOption(option));
    }

    private static String names(Option option) {
        return option.getOpt() == null
                ? "--" + option.getLongOpt()
                : "-" + option.getOpt() + ", --" + option.getLongOpt();
    }
}
