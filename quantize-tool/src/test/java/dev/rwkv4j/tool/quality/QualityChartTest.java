package dev.rwkv4j.tool.quality;

import static org.assertj.core.api.Assertions.assertThat;

import dev.rwkv4j.tool.quality.QualityChart.Point;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

class QualityChartTest {
    private static final List<Point> TYPES = List.of(
            new Point("Q8_0", 203_000_000, 0.0004),
            new Point("Q6_K", 157_000_000, 0.0021),
            new Point("Q4_0", 108_000_000, 0.052));

    @Test
    void smallerFilesAreToTheLeftAndBetterOnesBelow() throws Exception {
        List<Element> circles = all(parse(QualityChart.svg("F16", TYPES)), "circle");
        assertThat(circles).hasSize(3);
        assertThat(circles).extracting(circle -> number(circle, "cx"))
                .isSortedAccordingTo((a, b) -> Double.compare(b, a))
                .allMatch(x -> x > 84 && x < 696);
        assertThat(circles).extracting(circle -> number(circle, "cy"))
                .isSortedAccordingTo((a, b) -> Double.compare(b, a))
                .allMatch(y -> y > 48 && y < 380);
    }

    @Test
    void labelsAndUnitsAreThere() throws Exception {
        List<String> texts = all(parse(QualityChart.svg("F16", TYPES)), "text").stream().map(Element::getTextContent)
                .toList();
        assertThat(texts).contains("Size and divergence from F16", "Q8_0", "Q6_K", "Q4_0", "file size (MB)",
                "mean KL divergence (nats)", "0.0001", "0.1", "160");
    }

    @Test
    void namesCannotBreakTheXml() throws Exception {
        Document chart = parse(QualityChart.svg("<&>", List.of(new Point("a\u0001<b>&\"'", 1, 1))));
        assertThat(all(chart, "title").getFirst().getTextContent()).isEqualTo("Size and divergence from <&>");
        assertThat(all(chart, "text").getLast().getTextContent()).isEqualTo("a?<b>&\"'");
    }

    @Test
    void pointsThatAreAlikeOrExactAreDrawnToo() throws Exception {
        List<Point> alike = List.of(new Point("a", 5_000_000_000L, 0), new Point("b", 5_000_000_000L, 0));
        Document chart = parse(QualityChart.svg("base", alike));
        assertThat(all(chart, "circle")).hasSize(2);
        assertThat(all(chart, "text").stream().map(Element::getTextContent)).contains("file size (GB)", "a", "b");
        assertThat(all(chart, "text")).filteredOn(text -> List.of("a", "b").contains(text.getTextContent()))
                .extracting(text -> text.getAttribute("x")).doesNotHaveDuplicates();
    }

    private static Document parse(String svg) throws Exception {
        assertThat(svg).doesNotContain("NaN", "Infinity");
        return DocumentBuilderFactory.newInstance().newDocumentBuilder()
                .parse(new ByteArrayInputStream(svg.getBytes(StandardCharsets.UTF_8)));
    }

    private static List<Element> all(Document document, String name) {
        NodeList nodes = document.getElementsByTagName(name);
        List<Element> elements = new ArrayList<>();
        for (int i = 0; i < nodes.getLength(); i++) {
            elements.add((Element) nodes.item(i));
        }
        return elements;
    }

    private static double number(Element element, String attribute) {
        return Double.parseDouble(element.getAttribute(attribute));
    }
}
