"""HTML to plain text with the marks of Markdown: headings, lists, links, code.

Runs nothing and fetches nothing. Guards that scripts, styles and hidden parts are left out.
"""

import re
from html.parser import HTMLParser

_SKIPPED = frozenset({"script", "style", "noscript", "template", "svg", "head", "iframe", "object"})
_BLOCKS = frozenset(
    {"p", "div", "section", "article", "main", "header", "footer", "ul", "ol", "table", "tr"}
    | {"blockquote", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "dl", "dt", "dd", "figure", "hr"}
)


def html_text(page: str) -> str:
    """Return the text of a page; the title comes first as a heading."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    text = "".join(reader.out)
    text = re.sub(r"[ \t]+\n", "\n", text)
    text = re.sub(r"\n{3,}", "\n\n", text).strip()
    title = " ".join("".join(reader.title).split())
    return f"# {title}\n\n{text}" if title and not text.startswith("# ") else text


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self.title: list[str] = []
        self._skipping: list[str] = []
        self._in_title = False
        self._in_pre = False
        self._links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_title = tag == "title"
        if tag in _SKIPPED:
            self._skipping.append(tag)
        if self._skipping:
            return
        if tag in _BLOCKS:
            self.out.append("\n\n" if tag != "tr" else "\n")
        if re.fullmatch("h[1-6]", tag):
            self.out.append("#" * int(tag[1]) + " ")
        elif tag == "li":
            self.out.append("\n- ")
        elif tag == "br":
            self.out.append("\n")
        elif tag in ("td", "th"):
            self.out.append(" | ")
        elif tag == "pre":
            self._in_pre = True
            self.out.append("```\n")
        elif tag == "code" and not self._in_pre:
            self.out.append("`")
        elif tag == "a":
            self._links.append(dict(attrs).get("href") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        if tag in self._skipping:
            while self._skipping and self._skipping.pop() != tag:
                pass
            return
        if self._skipping:
            return
        if tag == "pre":
            self._in_pre = False
            self.out.append("\n```\n\n")
        elif tag == "code" and not self._in_pre:
            self.out.append("`")
        elif tag == "a" and self._links:
            link = self._links.pop()
            if link.startswith(("http://", "https://")):
                self.out.append(f" ({link})")
        elif tag in _BLOCKS:
            self.out.append("\n\n" if tag != "tr" else "\n")

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title.append(data)
        elif not self._skipping:
            self.out.append(data if self._in_pre else re.sub(r"\s+", " ", data))
