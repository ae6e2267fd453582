package dev.rwkv4j.tool.chart;

/** An SVG picture: plots one below the other, under a title. In the colours that the viewer prefers, light or dark. */
public final class Chart {
    private static final int WIDTH = 720;
    private static final int LEFT = 84;
    private static final int RIGHT = WIDTH - 24;
    private static final int TITLE = 28;

    private static final String STYLE = """
            <style>
              .paper { fill: #ffffff; }
              .grid { stroke: #d1d9e0; }
              .point { fill: #0969da; }
              .curve { fill: none; stroke: #0969da; stroke-width: 2; stroke-linejoin: round; }
              text { fill: #1f2328; font: 12px system-ui, sans-serif; }
              .note { fill: #59636e; }
              @media (prefers-color-scheme: dark) {
                .paper { fill: #0d1117; }
                .grid { stroke: #3d444d; }
                .point { fill: #58a6ff; }
                .curve { stroke: #58a6ff; }
                text { fill: #e6edf3; }
                .note { fill: #9198a1; }
              }
              .title { font-size: 15px; font-weight: 600; }
              .middle { text-anchor: middle; }
              .end { text-anchor: end; }
            </style>
            """;

    private final Svg svg = new Svg();

    /** Begins with a title. */
    public Chart(String title, int height) {
        svg.add("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">",
                WIDTH, height, WIDTH, height);
        svg.add("<title>%s</title>", Svg.escape(title));
        svg.add("%s", STYLE.stripTrailing());
        svg.add("<rect class=\"paper\" width=\"%d\" height=\"%d\"/>", WIDTH, height);
        svg.text("title", LEFT, TITLE, title);
    }

    /** Adds a plot, with its grid, between two heights; the marks of the axis are below the lower one. */
    public Plot plot(int top, int bottom, Axis x, Axis y) {
        return new Plot(svg, new Plot.Area(LEFT, top, RIGHT, bottom), x, y);
    }

    /** {@return all of it} */
    public String svg() {
        return svg + "</svg>\n";
    }
}
