"""What notebooks show says what `str` says, escaped."""

from html.parser import HTMLParser

import numpy as np

import reseau as rs


class Text(HTMLParser):
    """The text of a page, and the tags that were opened and not closed."""

    def __init__(self, page):
        super().__init__()
        self.words, self.open = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += data.split()


def network(name="hidden"):
    x = rs.input("x", (4,))
    return rs.Network(x, rs.affine(rs.relu(rs.affine(x, 8, name=name)), 3, name="logits"))


def test_a_notebook_shows_the_words_that_are_printed():
    net = network()
    params, x = net.init(0), np.ones((20, 4))
    for shown in (net.summary(), net.diagnose(params, x), network().explain(params, x[:1], np.ones((1, 3)))):
        page = Text(shown._repr_html_())
        assert page.open == []
        assert page.words == [
            word for word in str(shown).split() if set(word) != {"-"} or "diagnose" in repr(type(shown))
        ]


def test_names_are_escaped():
    page = network("<script>alert(1)</script>").summary()._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_a_network_is_its_drawing_or_its_name_where_it_cannot_be_drawn():
    assert network()._repr_svg_().startswith("<svg")
    x = rs.input("x", (1,))
    values = [x]
    for _ in range(150):
        values.append(rs.relu(rs.sum(rs.concatenate(values), -1, keepdims=True)))
    assert rs.Network(x, values[-1])._repr_svg_() is None


def test_a_fit_and_a_certificate_show_their_numbers():
    x = rs.input("x", (1,))
    objective = rs.Objective(rs.Network(x, rs.affine(x, 1)), loss=rs.losses.SquaredError())
    rows = np.linspace(-1, 1, 16)[:, None]
    result = rs.fit(objective, (rows, rows), optimizer=rs.optimizers.SGD(0.1), epochs=3, progress=False)
    page = Text(result._repr_html_().replace("/>", "></polyline>"))
    assert page.open == []
    assert [f"{loss:.6g}" in page.words for loss in result.history["loss"]] == [True] * 3
    certificate = rs.theory.certify_errors(3, 100)
    assert Text(certificate._repr_html_()).words == certificate.explain().split()
