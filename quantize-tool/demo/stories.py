"""Stories from grammar.txt, and the tokens they are made of."""

import math
import random
import re
from pathlib import Path

END_OF_TEXT = 0
RESOURCES = Path(__file__).parents[1] / "src/main/resources/dev/rwkv4j/tool/demo"
MODEL, GRAMMAR = RESOURCES / "rwkv4j-demo.gguf", RESOURCES / "grammar.txt"
SLOT = re.compile(r"\{(\w+)(?:\.(\w+))?\}")
# A word with the space before it, the ends of sentences inside quotation marks, the blank line under a title.
PIECE = re.compile(r' ?[A-Za-z]+|[.,!?]"| "|\n\n|.')


class Author(random.Random):
    """Makes the choices of stories, and adds up how unlikely they were."""

    nats = 0.0

    def choice(self, items):
        self.nats += math.log(len(items))
        return super().choice(items)

    def coin(self):
        self.nats += math.log(2)
        return self.random() < 0.5


class Grammar:
    """The tables, variables and plots of a grammar file; see the comment at the top of that file."""

    def __init__(self, path=GRAMMAR):
        self.tables = {}     # table -> rows, each a map column -> text
        self.variables = {}  # variable -> (table, variable it must differ from or None)
        self.plots = {}      # plot -> steps, each (kind, wordings)
        parts, steps = {}, None
        for line in path.read_text(encoding="ascii").splitlines():
            if not line or line.startswith("#"):
                continue
            words = line.split()
            if words[0] == "table":
                columns, rows = words[2:], self.tables.setdefault(words[1], [])
            elif words[0] == "var":
                self.variables[words[1]] = (words[2], words[4] if len(words) > 3 else None)
            elif words[0] in ("part", "plot"):
                steps = (parts if words[0] == "part" else self.plots).setdefault(words[1], [])
            elif steps is None:
                rows.append(dict(zip(columns, (cell.strip() for cell in line.split("|")), strict=True)))
            elif words[0] == "+":
                steps.extend(parts[words[1]])
            elif words[0] == "|":
                steps[-1][1].append(line[2:])
            else:
                steps.append((line[0], [line[2:]]))

    def story(self, author):
        """One story: a title or none, then its sentences."""
        facts = {}
        title, sentences = "", []
        for kind, wordings in self.plots[author.choice(list(self.plots))]:
            if kind != "-" and author.coin():
                continue
            text = SLOT.sub(lambda slot: self._fill(slot, facts, author), author.choice(wordings))
            if kind == "=":
                title = text + "\n\n"
            else:
                sentences.append(text)
        return title + " ".join(sentences)

    def _fill(self, slot, facts, author):
        name, column = slot[1].lower(), slot[2]
        if name not in facts:
            table, unlike = self.variables[name]
            taken = [row for other, row in facts.items() if other == unlike or self.variables[other][1] == name]
            facts[name] = author.choice([row for row in self.tables[table] if row not in taken])
        row = facts[name]
        text = row[column] if column else next(iter(row.values()))
        return text[0].upper() + text[1:] if slot[1][0].isupper() else text


def vocabulary(grammar, stories=20000):
    """The tokens by id: the end of a text, the bytes, and the words of so many stories, shortest first."""
    author = Author("vocabulary")
    words = {piece.encode() for _ in range(stories) for piece in PIECE.findall(grammar.story(author))}
    words = sorted((word for word in words if len(word) > 1), key=lambda word: (len(word), word))
    return [b""] + [bytes([byte]) for byte in range(256)] + words


class Tokenizer:
    """A small vocabulary of the World kind: token 0 ends a text, 1 to 256 are the single bytes, then words."""

    def __init__(self, tokens):
        self.tokens = tokens
        self.ids = {token: number for number, token in enumerate(tokens) if token}
        self.longest = max(map(len, tokens))

    def encode(self, text):
        """At each position the longest token that is a prefix of the rest."""
        data, at, ids = text.encode(), 0, []
        while at < len(data):
            length = min(self.longest, len(data) - at)
            while (token := self.ids.get(data[at:at + length])) is None:
                length -= 1
            ids.append(token)
            at += length
        return ids

    def decode(self, ids):
        return b"".join(self.tokens[number] for number in ids).decode("utf-8", "replace")
