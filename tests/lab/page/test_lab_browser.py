"""The page in a real browser: what it shows is what Python has, and everybody can use it."""

import time
from urllib.parse import urlsplit

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.inspect.alignment import weight_alignment
from lucidnet.lab.page.frame import Curves
from lucidnet.lab.page.server import Server
from lucidnet.lab.page.session import LabSession
from lucidnet.lab.page.setup import parsed
from lucidnet.lab.page.trainer import Trainer
from lucidnet.plots.colors import DARK, LIGHT

AT = "step => document.body.dataset.step === String(step)"
ARRAY = """path => { const raw = window.lucidnet.frame.arrays.get(path);
                     return [Array.from(raw.data), raw.shape]; }"""
PIXELS = """path => { const canvas = document.querySelector(`canvas[data-path="${path}"]`);
    const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    return [Array.from(data), canvas.width, canvas.height]; }"""

VIEWS = ("weights", "gradients", "activations", "feedback", "health", "units")
OPEN = "() => document.querySelectorAll('details').forEach((one) => { one.open = true; })"
SMALL = """least => [...document.querySelectorAll("button,select,input:not([type=checkbox])")]
    .filter((one) => one.offsetParent && one.getBoundingClientRect().height < least).map((one) => one.outerHTML.slice(0, 80))"""


def weights(page, letter, name):
    values, shape = page.evaluate(ARRAY, f"{letter}/weights/{name}")
    return np.array(values, "f").reshape(shape)


def by_hand(steps, rule, at_last=None):
    """Return the network that the page begins with, trained by Python; at last a step by another rate."""
    x, y = ln.data.spirals(400, noise=0.05, seed=0)
    layers = [ln.layers.Dense(16, "tanh"), ln.layers.Dense(16, "tanh"), ln.layers.Dense(1, "sigmoid")]
    model = ln.Model([ln.layers.Input(2), *layers], seed=0)
    model.compile("binary_crossentropy", ln.optimizers.SGD(0.05, momentum=0.9), rule=rule)

    def step(loop, measured):
        if at_last and loop.steps == steps - 1:
            model.compile("binary_crossentropy", ln.optimizers.SGD(at_last, momentum=0.9), rule=rule)
        if loop.steps >= steps:
            loop.stop("enough")

    callbacks = [ln.callbacks.On(step=step)]
    model.fit(x[:200], y[:200], epochs=steps, batch_size=32, callbacks=callbacks, verbose=0)
    return model


def same(page, model, letter):
    return all(
        np.array_equal(weights(page, letter, f"dense{k}.W"), model.params[f"dense{k}"]["W"])
        for k in (1, 2, 3)
    )


def test_a_step_by_the_button_and_a_thousand_by_play_give_the_weights_that_python_gives(opened, served):
    page = opened(served.url).page
    page.click("#step")
    page.wait_for_function(AT, arg=1)
    assert same(page, by_hand(1, "backprop"), "A") and same(page, by_hand(1, "fa"), "B")
    page.get_by_text("Stop, seed, batch").click()
    page.get_by_label("Stop at step").fill("1000")
    page.get_by_label("Stop at step").press("Enter")
    page.locator("#speed").fill("400")
    page.click("#play")
    page.wait_for_function(AT, arg=1000, timeout=90_000)
    page.wait_for_function("() => document.getElementById('play').dataset.running === 'false'")
    assert page.text_content("#note") == "Stopped at step 1,000, as set; Play goes on."
    assert same(page, by_hand(1000, "backprop"), "A") and same(page, by_hand(1000, "fa"), "B")
    page.click("#back")
    page.wait_for_function(AT, arg=999)
    assert same(page, by_hand(999, "fa"), "B")
    page.click("#step")
    page.wait_for_function(AT, arg=1000)
    assert same(page, by_hand(1000, "fa"), "B")
    page.click("#back")
    page.wait_for_function(AT, arg=999)
    page.get_by_label("Rate").fill("0.01")  # of A: it goes on from here by another rate
    page.get_by_label("Rate").press("Enter")
    page.wait_for_function("() => window.lucidnet.config.setup.networks[0].rate === 0.01")
    page.click("#step")
    page.wait_for_function(AT, arg=1000)
    assert same(page, by_hand(1000, "backprop", at_last=0.01), "A") and same(page, by_hand(1000, "fa"), "B")


def shade(value, colors):
    """Return the colour of a signed value between -1 and 1: straight lines between the stops of the table."""
    stops = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colors.signed])
    return np.array([np.interp((value + 1) * 4, range(9), stops[:, k]) for k in range(3)])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_pixel_has_the_colour_of_its_value(opened, served, scheme):
    page = opened(served.url, color_scheme=scheme).page
    colors = DARK if scheme == "dark" else LIGHT
    for name, path in (("dense2.W", "A/weights/dense2.W"), ("dense3.W", "B/weights/dense3.W")):
        values, (rows, columns) = page.evaluate(ARRAY, path)
        other, _ = page.evaluate(
            ARRAY, path.replace("A/", "B/") if path[0] == "A" else path.replace("B/", "A/")
        )
        pixels, width, height = page.evaluate(PIXELS, path)
        assert (width, height) == ((columns, rows) if columns > 1 else (rows, 1))  # a column lies down
        scale = max(np.abs(values).max(), np.abs(other).max())
        found = np.array(pixels).reshape(-1, 4)
        expected = np.stack([shade(v / scale, colors) for v in values])
        assert np.abs(found[:, :3] - expected).max() <= 2.5 and (found[:, 3] == 255).all(), name


def test_the_reading_is_the_value_and_stays_live(opened, served):
    page = opened(served.url).page
    page.focus('canvas[data-path="B/weights/dense2.W"]')
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    told = page.text_content("#reading")
    assert told.startswith("Network B, weights W of dense2, from 2 to 3: ")
    assert float(told.rpartition(" ")[2]) == pytest.approx(
        float(weights(page, "B", "dense2.W")[1, 2]), rel=1e-3
    )
    assert page.text_content("#spoken") == told
    page.keyboard.press("s")
    page.wait_for_function(AT, arg=1)
    later = page.text_content("#reading")
    assert later != told and page.text_content("#spoken") == told  # nobody is talked at
    assert float(later.rpartition(" ")[2]) == pytest.approx(
        float(weights(page, "B", "dense2.W")[1, 2]), rel=1e-3
    )
    page.keyboard.press("Enter")
    page.wait_for_function("() => !document.getElementById('made').hidden")
    assert "came back by fa" in page.text_content("#made")


def test_it_works_by_keys_alone(opened, served):
    page = opened(served.url).page
    page.keyboard.press("s")
    page.wait_for_function(AT, arg=1)
    page.keyboard.press("Space")
    page.wait_for_function("() => Number(document.body.dataset.step) > 20")
    page.keyboard.press("Space")
    page.wait_for_function("() => document.getElementById('play').dataset.running === 'false'")
    for number, view in enumerate(VIEWS, 1):
        page.keyboard.press(str(number))
        assert page.locator("#views [aria-pressed=true]").text_content().lower() == view
    page.keyboard.press("b")
    page.keyboard.press("r")
    page.wait_for_function(AT, arg=0)
    first = weights(page, "A", "dense1.W")
    page.keyboard.press("n")
    page.wait_for_function("() => window.lucidnet.config.setup.seed === 1")
    page.wait_for_function("() => window.lucidnet.frame.header.revision === window.lucidnet.config.revision")
    assert not np.array_equal(weights(page, "A", "dense1.W"), first)
    page.keyboard.press("1")
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.keyboard.press("Escape")
    seen = set()  # the Tab key reaches everything that can be pressed, and each map and chart
    for _ in range(90):
        page.keyboard.press("Tab")
        seen.add(
            page.evaluate("() => document.activeElement.id || document.activeElement.dataset.path || ''")
        )
    assert {
        "restart",
        "play",
        "step",
        "speed",
        "help",
        "table",
        "code",
        "link",
        "A/plane",
        "curves/Loss",
    } <= seen
    page.focus("#speed")
    page.keyboard.press("s")  # a letter inside a field is a letter
    time.sleep(0.1)
    assert page.evaluate("() => document.body.dataset.step") == "0"


def test_a_reload_keeps_the_curves_and_two_tabs_see_the_same(opened, served):
    one = opened(served.url)
    page = one.page
    page.click("#play")
    page.wait_for_function("() => Number(document.body.dataset.step) > 60")
    page.reload()
    page.wait_for_function("() => window.lucidnet?.frame")
    values, (rows, columns) = page.evaluate(ARRAY, "curves")
    assert rows > 60 and np.array(values).reshape(rows, columns)[0, 0] == 0
    other = one.tab(served.url)
    other.click("#play")  # it runs: this pauses it, for both
    for tab in (page, other):
        tab.bring_to_front()
        tab.wait_for_function("() => document.getElementById('play').dataset.running === 'false'")
    assert page.evaluate("() => document.body.dataset.step") == other.evaluate(
        "() => document.body.dataset.step"
    )
    assert served.session.trainer.step == int(page.evaluate("() => document.body.dataset.step"))


def test_a_server_that_is_killed_and_comes_back(browser):
    from conftest import Open

    first = Server(LabSession("moons"))
    one = Open(browser, first.url)
    try:
        one.page.click("#play")
        first.close()
        one.page.wait_for_function(
            "() => document.getElementById('link-state').textContent.startsWith('Connection lost')"
        )
        again = Server(LabSession("circles"), port=first.port)
        again.token = first.token
        one.page.wait_for_function("() => window.lucidnet.config.setup.data.name === 'circles'")
        one.page.click("#step")
        one.page.wait_for_function(AT, arg=1)
        again.close()
        third = Server(LabSession("xor"), port=first.port)  # with another token, as after a new start
        one.page.wait_for_function(
            "() => document.getElementById('link-state').textContent.startsWith('Not allowed')"
        )
        one.page.evaluate("(url) => { location.href = url; }", third.url)  # put into the same tab
        one.page.wait_for_function("() => window.lucidnet?.config?.setup.data.name === 'xor'")
        third.close()
    finally:
        one.context.close()
    assert not [fault for fault in one.faults if not any(n in fault for n in ("ERR_", "503", "401"))]


def test_nothing_leaves_the_machine_and_the_first_picture_needs_no_more_than_the_page(opened, served):
    one = opened(served.url)
    one.page.click("#play")
    one.page.get_by_role("button", name="digits").click()
    one.page.wait_for_function("() => window.lucidnet.config.setup.data.name === 'digits'")
    hosts = {urlsplit(url).netloc for url in one.requests if not url.startswith("data:")}
    assert hosts == {f"127.0.0.1:{served.port}"}
    assert served.token not in "".join(urlsplit(url).path + urlsplit(url).query for url in one.requests)


def test_a_control_answers_at_once_while_it_trains_flat_out(opened, served):
    page = opened(served.url).page
    served.session.control({"do": "speed", "speed": 10_000})
    page.click("#play")
    page.wait_for_function("() => Number(document.body.dataset.step) > 100")
    took = page.evaluate("""async () => { const took = [];
        for (const pace of ["399", "400", "398", "400", "397"]) {
          const began = performance.now(), slider = document.getElementById("speed");
          slider.value = pace;
          slider.dispatchEvent(new Event("input"));
          const speed = Math.round(10 ** (Number(pace) / 100));
          while (window.lucidnet.frame.header.speed !== speed) await new Promise((go) => setTimeout(go, 2));
          took.push(performance.now() - began); }
        return took; }""")
    assert sorted(took)[2] < 200, took  # from the finger to the picture that shows it


def test_every_frame_is_whole_and_the_newest_is_never_more_than_one_behind(opened, served, monkeypatch):
    page = opened(served.url).page
    page.click("#play")
    page.wait_for_function("() => Number(document.body.dataset.step) > 50")
    numbers = page.evaluate("""async () => { const seen = [];
        for (let i = 0; i < 40; i++) { await new Promise((go) => requestAnimationFrame(go));
          const { header, arrays } = window.lucidnet.frame;
          const curves = arrays.get("curves"), last = curves.data[(curves.shape[0] - 1) * curves.shape[1]];
          seen.push([header.number, header.step, last, header.every]); }
        return seen; }""")
    for _, step, last, every in numbers:
        assert step - every < last <= step  # the curves are those of this very step
    assert [n for n, *_ in numbers] == sorted(n for n, *_ in numbers)
    # One more is made only when it is asked for, and asked for only once the one before is shown.
    trainer, made = served.session.trainer, []
    publish = trainer.publish
    monkeypatch.setattr(
        trainer,
        "publish",
        lambda *given: (made.append((trainer.number + 1, trainer.wanted)), publish(*given)),
    )
    asked = page.evaluate("""async () => { const asked = [], plain = window.fetch;
        window.fetch = (url, ...rest) => { const since = /since=([0-9]+)/.exec(url);
          if (since) asked.push([Number(since[1]), window.lucidnet.frame.header.number]);
          return plain(url, ...rest); };
        while (asked.length < 40) await new Promise((go) => setTimeout(go, 5));
        window.fetch = plain;
        return asked; }""")
    assert len(made) >= 30
    assert all(number <= wanted for number, wanted in made), made
    assert all(since <= shown for since, shown in asked), asked
    page.click("#play")
    page.wait_for_function("() => document.getElementById('play').dataset.running === 'false'")
    page.wait_for_timeout(200)
    assert served.session.trainer.number == page.evaluate("() => window.lucidnet.frame.header.number")


def test_numbers_in_a_table_leave_the_map_as_it_is(opened, served):
    page = opened(served.url).page
    page.wait_for_function("() => document.querySelector('#layers canvas')")
    wide = (
        "() => [...document.querySelectorAll('#layers canvas')].map((c) => c.getBoundingClientRect().width)"
    )
    before = page.evaluate(wide)
    page.check("#table")
    page.wait_for_function("() => document.querySelector('#layers td')")
    assert page.evaluate(wide) == before
    inside = """() => [...document.querySelectorAll('#layers [data-table]')].every((e) =>
        e.getBoundingClientRect().right <= e.closest('.maps').getBoundingClientRect().right + 1
        && e.getBoundingClientRect().height <= 240)"""
    assert page.evaluate(inside)


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_nothing_overflows(opened, served, width):
    page = opened(served.url, width=width, height=844 if width == 390 else 800).page
    page.click("#step")
    page.wait_for_function(AT, arg=1)
    page.evaluate(OPEN)
    for view in VIEWS:
        page.get_by_role("button", name=view.capitalize(), exact=True).click()
        page.wait_for_function("() => document.querySelector('#layers .inner, #layers .drawn')")
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width, view
        if width == 1280:
            assert page.evaluate("() => document.documentElement.scrollHeight") <= 800, view
    least = 44 if width == 390 else 24
    small = page.evaluate(SMALL, least)
    assert small == []


CUT = """() => [...document.querySelectorAll('.network .body *, .network .body')].filter((e) => {
    const style = getComputedStyle(e), room = e.closest('.network').getBoundingClientRect();
    return style.textOverflow !== 'ellipsis' && (e.getBoundingClientRect().right > room.right
      || (style.overflowX !== 'visible' && e.scrollWidth > e.clientWidth + 1)); }).map((e) => e.outerHTML.slice(0, 99))"""
"""What of the networks' outputs is cut off, or stands beyond its card."""
OWN = {
    "long names": [
        ("Iris setosa (Linnaeus)", "Iris versicolor, blue flag", "Iris virginica")[k % 3] for k in range(90)
    ],
    "ten names": [f"class {k % 10}" for k in range(90)],
    "many classes": [f"class {k % 30}" for k in range(90)],
    "numbers": [f"{k}.5" for k in range(90)],
}


@pytest.mark.parametrize("kind", OWN)
def test_what_networks_put_out_is_not_cut(opened, tmp_path, kind):
    (tmp_path / "own.csv").write_text(
        "a,b,c,y\n" + "\n".join(f'{k % 7},{k % 5},{k},"{y}"' for k, y in enumerate(OWN[kind]))
    )
    with ln.lab.serve(tmp_path / "own.csv", open=False) as server:
        page = opened(server.url).page
        page.wait_for_function("() => document.querySelector('.network .confusion, .network .series')")
        for width in (390, 768, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            page.wait_for_timeout(50)
            assert page.evaluate(CUT) == []
        if kind == "many classes":
            canvas = page.locator(".network[data-letter=A] .matrix")
            assert canvas.get_attribute("width") == canvas.get_attribute("height") == "30"
            told = canvas.get_attribute("aria-label")
            assert told.startswith("Network A: confusion matrix of 30 classes, ") and told.endswith(
                " of 45 right"
            )


@pytest.mark.parametrize(
    ("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)]
)
def test_axe_finds_nothing(opened, served, axe, scheme, width):
    page = opened(served.url, color_scheme=scheme, width=width, height=844).page
    page.click("#step")
    page.wait_for_function(AT, arg=1)
    page.evaluate(axe)
    page.evaluate(OPEN)
    for view in ("6", "5", "4", "1"):
        page.keyboard.press(view)
        found = page.evaluate(
            "async () => (await axe.run()).violations.map((v) => [v.id, v.nodes.map((n) => n.html.slice(0, 200))])"
        )
        assert found == []
    page.locator('canvas[data-path="B/weights/dense2.W"]').click()
    page.wait_for_function("() => !document.getElementById('made').hidden")
    page.check("#table")
    found = page.evaluate(
        "async () => (await axe.run()).violations.map((v) => [v.id, v.nodes.map((n) => n.html.slice(0, 200))])"
    )
    assert found == []
    page.get_by_role("button", name="digits").click()
    page.wait_for_function("() => document.querySelector('.confusion')")
    found = page.evaluate(
        "async () => (await axe.run()).violations.map((v) => [v.id, v.nodes.map((n) => n.html.slice(0, 200))])"
    )
    assert found == []


def test_settings_act_and_what_is_refused_is_said(opened, served):
    page = opened(served.url).page
    page.click("#step")
    page.wait_for_function(AT, arg=1)
    page.get_by_label("Rate").fill("0.2")
    page.get_by_label("Rate").press("Enter")
    page.wait_for_function("() => window.lucidnet.config.setup.networks[0].rate === 0.2")
    assert page.evaluate("() => document.body.dataset.step") == "1"  # it goes on from here
    page.get_by_role("button", name="+ Add layer").click()
    page.wait_for_function("() => window.lucidnet.config.setup.networks[0].layers.length === 3")
    page.wait_for_function(AT, arg=0)
    page.get_by_label("Rate").fill("-1")
    page.get_by_label("Rate").press("Enter")
    page.wait_for_function("() => !document.getElementById('note').hidden")
    assert "rate" in page.text_content("#note") and page.get_by_label("Rate").input_value() == "0.2"
    page.focus('canvas[data-path="A/plane"]')  # it is there as before
    assert "probability" in page.text_content("#reading")
    page.route("**/api/control", lambda route: route.abort())  # a server that does not answer
    page.click("#step")
    page.wait_for_function("() => document.getElementById('note').textContent.includes('does not answer')")
    page.focus('canvas[data-path="B/plane"]')
    assert page.text_content("#reading").startswith("Network B at (")
    page.unroute("**/api/control")
    page.get_by_role("button", name="Only A").click()
    page.wait_for_function("() => document.querySelectorAll('.network').length === 1")
    page.get_by_role("button", name="Compare with B").click()
    page.wait_for_function("() => document.querySelectorAll('.network').length === 2")


def test_a_click_adds_a_point_and_a_file_brings_data(opened, served, tmp_path):
    page = opened(served.url).page
    page.click('canvas[data-path="A/plane"]', position={"x": 40, "y": 60})
    page.wait_for_function("() => window.lucidnet.config.setup.data.extra.length === 1")
    page.click('canvas[data-path="B/plane"]', position={"x": 50, "y": 60}, modifiers=["Shift"])
    page.wait_for_function("() => window.lucidnet.config.setup.data.extra.length === 2")
    extra = page.evaluate("() => window.lucidnet.config.setup.data.extra")
    assert [label for *_, label in extra] == [0, 1] and len(served.session.trainer.task.x) == 202
    path = tmp_path / "pets.csv"
    path.write_text(
        "a,b,c,pet\n" + "\n".join(f"{i},{i % 5},{i % 3},{'cat' if i % 2 else 'dog'}" for i in range(50))
    )
    page.set_input_files("input[type=file]", str(path))
    page.wait_for_function("() => window.lucidnet.config.data.title === 'pets.csv'")
    page.wait_for_function("() => document.querySelector('.confusion')")
    assert "cat" in page.text_content(".confusion")


def test_a_link_carries_the_state_and_python_runs(opened, served):
    one = opened(served.url, permissions=["clipboard-read", "clipboard-write"])
    page = one.page
    page.get_by_role("button", name="circles").click()
    page.wait_for_function("() => window.lucidnet.config.setup.data.name === 'circles'")
    page.click("#link")
    link = page.evaluate("() => navigator.clipboard.readText()")
    assert "#state=" in link and served.token not in link
    setup = page.evaluate("() => window.lucidnet.config.setup")
    page.get_by_role("button", name="xor").click()
    page.wait_for_function("() => window.lucidnet.config.setup.data.name === 'xor'")
    other = one.tab(link)
    other.wait_for_function("() => window.lucidnet.config.setup.data.name === 'circles'")
    assert other.evaluate("() => window.lucidnet.config.setup") == setup
    for _ in range(3):
        other.keyboard.press("s")
    other.wait_for_function(AT, arg=3)
    other.click("#code")
    other.wait_for_function("() => document.getElementById('python').textContent.includes('# network B')")
    space = {}
    exec(other.text_content("#python"), space)
    assert np.array_equal(space["model"].params["dense2"]["W"], weights(other, "B", "dense2.W"))
    page.get_by_role("button", name="xor").click()
    page.wait_for_function("() => window.lucidnet.config.setup.data.name === 'xor'")
    page.evaluate("(link) => { location.href = link; }", link)  # put into a tab that shows the page
    page.wait_for_function("() => window.lucidnet?.config?.setup.data.name === 'circles'")


def test_guided_starts_do_what_their_sentences_say(opened, served):
    page = opened(served.url).page
    presets = page.evaluate("async () => (await import('./presets.js')).PRESETS")
    page.evaluate(OPEN)
    page.get_by_role("button", name=presets[1]["title"]).click()
    page.wait_for_function("() => window.lucidnet.config.setup.stop_step === 2000")
    assert presets[1]["sentence"] in page.text_content("#starts")

    def played(number):
        """Return what there is before, and at the end: trained here, as nobody looks at it then."""
        trainer = Trainer(parsed(presets[number]["setup"]))
        mirror = weight_alignment(trainer.learners[1].model)
        trainer.curves = Curves(2, most=100)
        trainer.one_step(presets[number]["setup"]["stop_step"])
        rows = np.array(trainer.curves.rows)
        return mirror, trainer.learners, rows

    mirror, (_, b), rows = played(0)
    assert rows[-1, 3] > 0.97 and rows[-1, 7] > 0.97
    early = Trainer(parsed(presets[0]["setup"]))
    early.one_step(600)
    angles = np.array(early.curves.rows)[:, 8]
    assert angles[0] > 75 and np.median(angles[150:]) < 62
    turned = weight_alignment(b.model)
    assert turned["dense3"] > 0.5 and turned["dense2"] > mirror["dense2"] + 0.05  # cosines
    assert all(abs(value) < 0.25 for value in mirror.values())
    _, _, rows = played(1)
    assert abs(rows[-1, 2] - np.log(2)) < 0.02 and rows[-1, 3] < 0.7 and rows[-1, 7] > 0.95
    _, (_, b), rows = played(2)
    assert rows[-1, 3] > 0.95 and b.error is None and rows[-20:, 6].min() > 2 * rows[-20:, 2].max()


def test_layers_of_one_network_alone_may_change(opened, served):
    page = opened(served.url).page
    setup = served.session.trainer.setup.plain()
    setup["networks"][1]["layers"] = [[5, "relu", ""]]
    served.session.control({"do": "setup", "setup": setup})
    page.wait_for_function(
        "() => document.querySelector('#layers .name').textContent.includes('A 2×16, B 2×5')"
    )
    paths = page.locator("#layers canvas").evaluate_all("all => all.map((one) => one.dataset.path)")
    assert "A/weights/dense3.W" in paths and "B/weights/dense3.W" not in paths


def test_negative_losses_and_obtuse_angles_are_drawn(opened, served):
    page = opened(served.url).page
    page.evaluate(
        """async () => {
            const { Curve } = await import('./curve.js');
            const log = new Curve({ title: 't', unit: 'log scale', log: true, columns: [[1, 1, 'test']], hint: '' }, () => {});
            const angle = new Curve({ title: 'u', unit: '', low: 0, high: 100, named: [[90, '90°'], [180, '180°']], columns: [[1, 1, 'a']], hint: '' }, () => {});
            window.curves = [log, angle];
            document.body.append(log.element, angle.element);
        }"""
    )

    def shown(curve, *values):
        rows = ", ".join(f"{step}, 0, {value}, 0, 0" for step, value in enumerate(values))
        return page.evaluate(
            f"""() => {{
                const one = window.curves[{curve}];
                one.show({{ shape: [{len(values)}, 5], data: [{rows}] }}, 1);
                one.draw();
                const [low, high] = one.range();
                return [one.unit.textContent, low, high, one.ticks(low, high).map(([, name]) => name)];
            }}"""
        )

    unit, low, high, names = shown(0, 2, -1, -3)
    assert (unit, low, high) == ("", -3, 2) and "-2" in names
    unit, low, high, _ = shown(0, 2, 0, 0.02)
    assert unit == "log scale" and abs(low - np.log10(0.02)) < 0.1 and abs(high - np.log10(2)) < 0.1
    assert shown(1, 20, 80)[3] == ["90°"] and shown(1, 20, 180)[3] == ["90°", "180°"]


def test_sequences_show_target_and_output_over_time_while_an_online_rule_learns(opened, served):
    page = opened(served.url).page
    page.get_by_role("button", name="periodic").click()
    page.wait_for_function("() => document.querySelectorAll('.series').length === 2")
    rules = page.evaluate("() => window.lucidnet.config.setup.networks.map((one) => [one.rule, one.time])")
    assert rules == [["backprop", "bptt"], ["backprop", "rflo"]]
    for _ in range(3):
        page.keyboard.press("s")
    page.wait_for_function(AT, arg=3)
    shown, _ = page.evaluate(ARRAY, "B/outputs")
    learner = served.session.trainer.learners[1]
    expected = learner.model.predict(served.session.trainer.task.x_test[:1])[0, :, 0]
    assert np.array_equal(np.array(shown, "f"), expected)
    assert page.evaluate("() => window.lucidnet.config.data.series.length") == len(expected)
    angle = page.evaluate("() => window.lucidnet.frame.header.networks.map((one) => one.angle)")
    assert angle[0] == 0 and angle[1] > 5
    page.get_by_role("button", name="moons").click()
    page.wait_for_function("() => window.lucidnet.config.setup.networks[1].rule === 'fa'")


def test_little_moves_where_little_is_wanted(opened, served):
    page = opened(served.url, reduced_motion="reduce").page
    page.click("#play")
    page.wait_for_function("() => Number(document.body.dataset.step) > 0")
    began = served.session.trainer.number
    time.sleep(2)
    assert served.session.trainer.number - began <= 6


def test_a_recorded_page_replays_without_a_server(opened, tmp_path):
    x, y = ln.data.moons(100, seed=0)
    model = ln.Model([ln.layers.Input(2), ln.layers.Dense(8, "tanh"), ln.layers.Dense(1, "sigmoid")])
    model.compile("binary_crossentropy", "adam", rule="dfa")
    path = tmp_path / "run.html"
    live = ln.lab.Live(save=path)
    model.fit(x, y, epochs=4, callbacks=[live], verbose=0, validation_split=0.2)
    one = opened(path.as_uri())
    page = one.page
    assert live.server is None and {urlsplit(url).scheme for url in one.requests} <= {"file", "blob"}
    page.click("#play")
    page.wait_for_function(AT, arg=12)
    page.wait_for_function("() => document.getElementById('play').dataset.running === 'false'")
    assert np.array_equal(weights(page, "A", "dense1.W"), model.params["dense1"]["W"])
    page.click("#back")
    page.keyboard.press("r")
    page.wait_for_function(AT, arg=1)
    page.get_by_role("button", name="dense1", exact=True).click()
    assert "dense1 is a layer of the kind Dense" in page.text_content("#made")
    assert page.locator("#made math").count() == 4  # the layer, its activation tanh; each with its way back
    assert page.locator("#code").is_hidden() and page.locator('canvas[data-path="A/plane"]').is_visible()


def test_a_training_of_ones_own_is_watched_and_paused(opened):
    import threading

    x, y = ln.data.moons(200, seed=0)
    model = ln.Model([ln.layers.Input(2), ln.layers.Dense(8, "tanh"), ln.layers.Dense(1, "sigmoid")])
    model.compile("binary_crossentropy", "adam")
    live = ln.lab.Live(open=False)
    over = threading.Event()
    training = threading.Thread(
        target=lambda: model.fit(
            x,
            y,
            epochs=10**6,
            verbose=0,
            callbacks=[live, ln.callbacks.On(epoch=lambda loop, result: over.is_set() and loop.stop("x"))],
        ),
        daemon=True,
    )
    training.start()
    while live.server is None:
        time.sleep(0.01)
    page = opened(live.server.url).page
    page.click("#play")
    page.wait_for_function("() => document.getElementById('play').dataset.running === 'false'")
    page.wait_for_timeout(300)
    step = int(page.evaluate("() => document.body.dataset.step"))
    assert int(model.state.step) == step
    page.click("#step")
    page.wait_for_function(AT, arg=step + 1)
    assert np.array_equal(weights(page, "A", "dense1.W"), model.params["dense1"]["W"])
    page.click("#play")
    page.wait_for_function("step => Number(document.body.dataset.step) > step + 5", arg=step)
    over.set()
    training.join(20)
    assert not training.is_alive()
    page.wait_for_function("() => document.getElementById('play').textContent.includes('Ended')")
    assert page.locator("#play").is_disabled() and page.locator("#step").is_disabled()
    page.keyboard.press("Space")  # nothing to pause: no request, and no complaint
    page.keyboard.press("s")
    assert page.locator("#note").is_hidden()
    live.close()
