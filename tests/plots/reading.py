"""Whether the texts of a picture can be read."""

import matplotlib as mpl


def readable(figure):
    """Look whether no text is cut off or too small, and no picture too wide."""
    width, height = figure.get_size_inches()
    assert width <= 7.4
    figure.draw_without_rendering()
    inside = figure.bbox.padded(3)
    shrink = min(1.0, 7.0 / width)
    boxes = {text: text.get_window_extent() for text in shown_texts(figure)}
    for text, box in boxes.items():
        assert inside.x0 <= box.x0 and box.x1 <= inside.x1, (text, box)
        assert inside.y0 <= box.y0 and box.y1 <= inside.y1, (text, box)
        assert text.get_fontsize() * shrink >= 6, text
    level = [(text, box) for text, box in boxes.items() if not text.get_rotation()]
    for number, (text, box) in enumerate(level):
        for other, beside in level[:number]:
            wide = min(box.x1, beside.x1) - max(box.x0, beside.x0)
            high = min(box.y1, beside.y1) - max(box.y0, beside.y0)
            assert wide < 3 or high < 3, (text, other)


def shown_texts(figure):
    """Return the texts that are drawn: of the labels of ticks only those within the view."""
    ticks, drawn = set(), set()
    for axes in figure.findobj(mpl.axes.Axes):
        for axis in (axes.xaxis, axes.yaxis):
            ticks |= {label for t in (*axis.majorTicks, *axis.minorTicks) for label in (t.label1, t.label2)}
            if axes.axison:
                drawn |= {label for t in axis._update_ticks() for label in (t.label1, t.label2)}
    texts = figure.findobj(mpl.text.Text)
    return [t for t in texts if t.get_visible() and t.get_text().strip() and (t not in ticks or t in drawn)]
