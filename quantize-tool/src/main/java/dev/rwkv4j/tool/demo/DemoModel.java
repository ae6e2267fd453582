package dev.rwkv4j.tool.demo;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;

/** What the demo model needs, as resources of this tool: in its jar as in a checkout. */
public final class DemoModel {
    private static final String GRAMMAR = "grammar.txt";

    private DemoModel() {
    }

    /**
     * The grammar that the model's stories follow, as far as it has learned it.
     *
     * @return the grammar
     * @throws IOException if it cannot be read
     */
    public static StoryGrammar grammar() throws IOException {
        try (InputStream grammar = resource(GRAMMAR)) {
            String text = new String(grammar.readAllBytes(), StandardCharsets.UTF_8);
            return new StoryGrammar(new GrammarReader(GRAMMAR, text.lines().toList()).plots());
        }
    }

    private static InputStream resource(String name) throws FileNotFoundException {
        InputStream resource = DemoModel.class.getResourceAsStream(name);
        if (resource == null) {
            throw new FileNotFoundException(name + " is missing in the resources of the tool, beside "
                    + DemoModel.class.getName());
        }
        return resource;
    }
}
