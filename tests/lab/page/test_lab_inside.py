"""What can be put together in the page, and seen of it: kinds of layers, inputs, units, JSON."""

import json
import time

import numpy as np
import pytest

import lucidnet as ln

AT = "step => document.body.dataset.step === String(step)"
ARRAY = """path => { const raw = window.lucidnet.frame.arrays.get(path);
                     return raw && [Array.from(raw.data), raw.shape]; }"""
PIXEL = """([path, x, y]) => { const canvas = document.querySelector(`canvas[data-path="${path}"]`);
    return Array.from(canvas.getContext("2d").getImageData(x, y, 1, 1).data); }"""


def array(page, path):
    values, shape = page.evaluate(ARRAY, path)
    return np.array(values).reshape(shape)


def test_units_are_what_the_layers_put_out_over_the_plane_and_pointing_shows_one(opened, served):
    page = opened(served.url).page
    page.keyboard.press("6")  # it is paused: the drawing comes all the same
    page.wait_for_function("() => window.lucidnet.frame.arrays.has('B/units/dense2')")
    trainer = served.session.trainer
    sides = [np.linspace(side[0], side[-1], 24) for side in trainer.task.sides]
    grid = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2).astype("float32")
    expected = trainer.learners[1].model.activations(grid)["dense2"]  # of the library, not the page
    shown = array(page, "B/units/dense2")
    scale = page.evaluate("() => window.lucidnet.frame.header.networks[1].units.dense2")
    assert shown.shape == (16, 24, 24) and scale[1] == 16
    found = shown.reshape(16, -1).T * scale[0] / 127
    assert np.abs(found - expected).max() <= scale[0] / 127 * 0.51
    before = page.evaluate(PIXEL, ["B/plane", 20, 30])
    page.focus('canvas[data-path="B/units"]')
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    told = page.text_content("#reading")
    assert told.startswith("Network B, dense2, unit 2 of 16; from ")
    weights = array(page, "B/weights/dense2.W")[:, 1]
    strongest = np.abs(weights).argmax()
    assert told.endswith(f", from {strongest + 1}")
    assert float(told.rpartition("weight ")[2].partition(",")[0]) == pytest.approx(
        weights[strongest], rel=1e-3
    )
    assert page.evaluate(PIXEL, ["B/plane", 20, 30]) != before
    page.keyboard.press("Tab")
    assert page.evaluate(PIXEL, ["B/plane", 20, 30]) == before  # the output again
    page.keyboard.press("1")
    page.keyboard.press("s")
    page.wait_for_function(AT, arg=1)


def test_inputs_penalties_and_kinds_of_layers_are_what_python_has(opened, served):
    page = opened(served.url).page
    page.get_by_role("button", name="x1x2").click()
    page.wait_for_function("() => window.lucidnet.config.data.inputs === 3")
    page.get_by_role("button", name="x2", exact=True).click()
    page.wait_for_function("() => window.lucidnet.config.setup.data.features.join() === 'x1,x1x2'")
    page.get_by_label("Kind of layer 2").select_option("Dropout")
    page.wait_for_function("() => window.lucidnet.config.setup.networks[0].layers[1][0] === 0.2")
    page.get_by_label("L2", exact=True).fill("0.01")
    page.get_by_label("L2", exact=True).press("Enter")
    page.wait_for_function("() => window.lucidnet.config.setup.networks[0].l2 === 0.01")
    page.get_by_role("button", name="Only A").click()
    page.wait_for_function("() => window.lucidnet.config.setup.networks.length === 1")
    for step in (1, 2, 3):
        page.keyboard.press("s")
        page.wait_for_function(AT, arg=step)
    x, y = ln.data.spirals(400, noise=0.05, seed=0)
    x = np.stack([x[:, 0], x[:, 0] * x[:, 1]], axis=1)
    hidden = [ln.layers.Dense(16, "tanh", l2=0.01), ln.layers.Dropout(0.2)]
    model = ln.Model([ln.layers.Input(2), *hidden, ln.layers.Dense(1, "sigmoid", l2=0.01)], seed=0)
    model.compile("binary_crossentropy", ln.optimizers.SGD(0.05, momentum=0.9))
    stop = ln.callbacks.On(step=lambda loop, measured: loop.steps >= 3 and loop.stop("enough"))
    model.fit(x[:200], y[:200], epochs=1, batch_size=32, callbacks=[stop], verbose=0)
    for name in ("dense1", "dense3"):
        assert np.array_equal(array(page, f"A/weights/{name}.W").astype("f"), model.params[name]["W"])
    assert page.locator('canvas[data-path="A/plane"]').is_visible()


def test_pictures_by_convolution_and_numbers_over_a_plane(opened, served):
    page = opened(served.url).page
    page.get_by_role("button", name="hills").click()
    page.wait_for_function("() => window.lucidnet.config.metric === 'r2'")
    assert array(page, "A/plane").shape == (100, 100)
    page.get_by_role("button", name="digits").click()
    page.wait_for_function("() => document.querySelector('.confusion')")
    page.get_by_label("Kind of layer 1").select_option("Conv2D")
    page.wait_for_function("() => window.lucidnet.frame.arrays.has('A/weights/conv2d2.W')")
    page.keyboard.press("Escape")
    page.click("#step")
    page.wait_for_function(AT, arg=1)
    labels = page.evaluate("() => window.lucidnet.config.data.labels")
    predicted = array(page, "A/predicted")
    expected = np.zeros((10, 10), int)
    np.add.at(expected, (labels, predicted), 1)
    page.wait_for_timeout(200)
    cells = page.locator(".network[data-letter=A] .confusion td").all_inner_texts()[1:]
    assert [int(n) if n != "·" else 0 for n in cells] == expected.ravel().tolist()


def test_weights_come_as_json_and_test_points_can_be_hidden(opened, served):
    page = opened(served.url).page
    page.click("#step")
    page.wait_for_function(AT, arg=1)
    with page.expect_download() as waiting:
        page.click("#weights")
    with open(waiting.value.path(), encoding="utf-8") as file:
        made = json.load(file)
    for letter, learner in zip("AB", served.session.trainer.learners, strict=True):
        for layer, params in learner.model.params.items():
            for name, value in params.items():
                assert np.array_equal(np.array(made[letter][f"{layer}.{name}"], "f"), value)
    count = """() => { const canvas = document.querySelector(".plane canvas + canvas");
        const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        return data.filter((v, i) => i % 4 === 3 && v).length; }"""
    both = page.evaluate(count)
    page.check("#only-train")
    assert 0 < page.evaluate(count) < 0.8 * both
    soft = page.evaluate(PIXEL, ["A/plane", 50, 50])
    page.check("#sharp")
    assert page.evaluate(PIXEL, ["A/plane", 50, 50]) != soft


def test_learning_at_each_time_step_by_both_axes(opened, served):
    page = opened(served.url).page
    page.get_by_role("button", name="periodic").click()
    page.wait_for_function("() => window.lucidnet.config.data.series")
    page.get_by_label("Rule of network", exact=False).first.wait_for()
    page.get_by_label("Learning rule of network B").select_option("fa")
    page.wait_for_function("() => window.lucidnet.config.setup.networks[1].rule === 'fa'")
    page.get_by_label("Learn at each time step").check()
    page.wait_for_function("() => window.lucidnet.config.setup.online")
    assert page.evaluate("() => window.lucidnet.config.setup.networks.map((one) => one.time)") == [
        "truncated",
        "rflo",
    ]
    for step in (1, 2, 3):
        page.keyboard.press("s")
        page.wait_for_function(AT, arg=step)
    x, y = ln.data.tasks.periodic_pattern(32, 60, seed=0)
    y = y.reshape(32, 60, 1).astype("float32")
    layers = [ln.layers.LeakyRNN(16, True, activation="tanh", initializer="fitting"), ln.layers.Dense(1)]
    model = ln.Model([ln.layers.Input((60, 1)), *layers], seed=0)
    rule = ln.rules.Rule("fa", "rflo")
    model.compile("mse", ln.optimizers.SGD(0.05, momentum=0.9), rule=rule)
    online = model.online(rule)
    for t in range(3):
        online.step(x[:16][:, t], y[:16][:, t])
    assert np.array_equal(array(page, "B/weights/leakyrnn1.U").astype("f"), model.params["leakyrnn1"]["U"])


def test_quick_clicks_resizing_and_a_closed_tab_do_no_harm(opened, served):
    one = opened(served.url)
    page = one.page
    for _ in range(6):
        page.click("#play", no_wait_after=True)
        page.keyboard.press("n")
        page.keyboard.press("r")
        page.keyboard.press("b")
        page.keyboard.press("s")
        page.keyboard.press("6")
        page.keyboard.press("1")
    page.evaluate("""() => { for (let i = 0; i < 4; i++)
        [...document.querySelectorAll("#network button")].find((one) => one.textContent === "+ Add layer").click(); }""")
    page.wait_for_function("() => window.lucidnet.config.setup.networks[0].layers.length === 6")
    for width in (390, 1280, 700, 1000):
        page.set_viewport_size({"width": width, "height": 700})
    page.wait_for_function("() => window.lucidnet.frame.header.revision === window.lucidnet.config.revision")
    other = one.tab(served.url)
    page.close()  # what it had asked for may still come: the tab that stays has the last word
    other.wait_for_timeout(300)
    served.session.control({"do": "play"})
    other.wait_for_function("() => Number(document.body.dataset.step) > 5")
    began = served.session.trainer.step
    time.sleep(0.2)
    assert served.session.trainer.step > began and served.session.trainer.notes == []


def test_a_click_tells_a_number_and_the_formulas_of_its_layer_and_rule(opened, served):
    page = opened(served.url).page
    page.get_by_role("button", name="digits").click()
    page.wait_for_function("() => window.lucidnet.config.data.title === 'digits'")
    page.get_by_label("Kind of layer 1").select_option("Conv2D")
    page.wait_for_function("() => window.lucidnet.frame.arrays.has('A/weights/conv2d2.W')")
    learner = served.session.trainer.learners[0]
    kernel = page.locator('canvas[data-path="A/weights/conv2d2.W"]')  # 3 by 3 by 1 rows, 6 filters
    box = kernel.bounding_box()
    kernel.click(position={"x": box["width"] * 2.5 / 6, "y": box["height"] * 5.5 / 9})
    told = page.text_content("#reading")
    assert told.startswith("Network A, weights W of conv2d2, at (2, 3, 1, 3): ")
    value = float(learner.model.params["conv2d2"]["W"][1, 2, 0, 2])
    assert float(told.rpartition(" ")[2]) == pytest.approx(value, rel=1e-3)
    page.wait_for_function("() => !document.getElementById('made').hidden")
    made = page.text_content("#made")
    assert made.startswith("At step 0:\nconv2d2.W[2, 3, 1, 3] = ") and "kind Conv2D: Convolution" in made
    assert "The rule is Backprop" in made and page.locator("#made math").count() >= 4
    page.keyboard.press("Escape")
    assert page.locator("#made").is_hidden()
    page.get_by_role("button", name="dense4", exact=True).click()
    assert page.text_content("#made").startswith("dense4 is a layer of the kind Dense")
    page.keyboard.press("3")
    picture = page.locator('canvas[data-path="A/activations/conv2d2"]')
    box = picture.bounding_box()
    assert box["width"] == pytest.approx(box["height"] * 27 / 18, rel=0.1)  # square pixels
    picture.click(position={"x": box["width"] * 20.5 / 27, "y": box["height"] * 3.5 / 18})
    told = page.text_content("#reading")
    assert told.startswith("Network A, conv2d2, example 1, channel 3, at (4, 3): ")
    sample = learner.model.activations(learner.look.batch.x[:1])["conv2d2"][0, 3, 2, 2]
    assert float(told.rpartition(" ")[2]) == pytest.approx(float(sample), rel=1e-3)
    page.keyboard.press("6")
    assert page.text_content("#reading").startswith("Point at")  # what was read is not there any more


def test_cells_that_are_means_say_so(opened):
    model = ln.Model(
        [
            ln.layers.Input(2),
            ln.layers.Dense(200, "tanh", name='a "b" <i>'),
            ln.layers.Dense(150),
            ln.layers.Dense(1),
        ]
    )
    model.compile("mse", "sgd")
    live = ln.lab.Live(open=False)
    x = np.random.default_rng(0).normal(size=(20, 2)).astype("f")
    model.fit(x, x[:, :1], epochs=1, verbose=0, callbacks=[live])
    page = opened(live.server.url).page
    page.focus('canvas[data-path="A/weights/dense2.W"]')
    for key in ("ArrowDown", "ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    W = model.params["dense2"]["W"]
    told, _, value = page.text_content("#reading").rpartition(": ")
    assert told == "Network A, weights W of dense2, from 4 to 2, mean"  # rows 3 to 4: 200 in 128
    assert float(value) == pytest.approx(float(W[3:4, 1:2].mean()), rel=1e-3)
    page.keyboard.press("Enter")
    assert "dense2 is a layer of the kind Dense" in page.text_content("#made")
    page.check("#table")
    page.wait_for_function("() => document.querySelector('[data-table] td')")
    assert "32 of 128 rows, 32 of 128 columns" in page.text_content("#layers")
    sixth = page.evaluate("""async () => {
        const { Units } = await import("./units.js");
        const one = new Units("A", () => {}, () => ({}));
        one.frame = window.lucidnet.frame;
        one.lay();
        return one.columns.map((column) => one.seen(column, 5)(0, 0));
    }""")
    blocks = array(page, 'A/activations/a "b" <i>')
    assert sixth[1] == pytest.approx(blocks[0, 3] / abs(blocks).max())  # of units 5 and 6 of 200
    assert 'a "b" <i>' in page.text_content("#layers")
    live.close()


def test_a_network_of_images_is_drawn_with_its_channels_and_only_real_weights_as_lines(opened):
    layers = [ln.layers.Input((8, 8, 1)), ln.layers.Conv2D(3, 3), ln.layers.Flatten()]
    layers += [ln.layers.Dense(5, "tanh"), ln.layers.Dense(10, "softmax")]
    model = ln.Model(layers, seed=0)
    model.compile("categorical_crossentropy", "sgd")
    (x, y), _ = ln.data.load("digits")
    live = ln.lab.Live(open=False)
    model.fit(x[:20].reshape(-1, 8, 8, 1), y[:20], epochs=1, verbose=0, callbacks=[live])
    page = opened(live.server.url).page
    page.keyboard.press("6")
    page.wait_for_function("() => document.querySelector('canvas.units')?.height > 20")
    page.focus('canvas[data-path="A/units"]')
    told = []
    for _ in range(4):
        told.append(page.text_content("#reading"))
        page.keyboard.press("ArrowRight")
    assert [one.partition(";")[0] for one in told] == [
        f"Network A, {name}, unit 1 of {count}"
        for name, count in (("input", 1), ("conv2d1", 3), ("dense3", 5), ("dense4", 10))
    ]
    strongest = ["strongest" in one for one in told]  # flattened between conv and dense
    assert strongest == [False, False, False, True]
    live.close()


def test_lines_of_a_network_with_branches_come_from_the_layer_that_a_layer_takes(opened):
    from lucidnet.layers import Dense, Graph

    nodes = [
        ("h", Dense(5, "relu"), "a"),
        ("k", Dense(5, "relu"), "a"),
        ("s", Dense(2), "h"),
        ("o", Dense(3, "softmax"), "k"),
    ]
    model = ln.Model(Graph(inputs={"a": (3,)}, nodes=nodes, outputs=["o", "s"]), seed=0)
    model.compile({"o": "categorical_crossentropy", "s": "mse"}, "sgd")
    x = np.random.default_rng(0).normal(size=(9, 3)).astype("f")
    live = ln.lab.Live(open=False)
    model.fit(x, {"o": np.arange(9) % 3, "s": x[:, :2]}, epochs=1, verbose=0, callbacks=[live])
    page = opened(live.server.url).page
    page.keyboard.press("6")
    page.wait_for_function("() => document.querySelector('canvas.units')?.height > 20")
    origin = page.evaluate("""async () => {
        const { Units } = await import("./units.js"), { frame } = window.lucidnet;
        const config = await (await fetch("api/config", { headers: { "X-Lucidnet-Token": new URLSearchParams(location.hash.slice(1)).get("token") } })).json();
        const one = new Units("A", () => {}, () => config.formulas[0].sources);
        one.frame = frame;
        one.lay();
        return one.columns.map((column, i) => [column.name, one.weights(i)?.before.name ?? null]);
    }""")
    assert origin == [["input", None], ["h", "input"], ["k", "input"], ["s", "h"], ["o", "k"]]
    shown = array(page, "A/activations/o")  # an output of two is the network's, after its softmax
    assert np.allclose(shown.sum(1), 1, atol=1e-6) and shown.shape == (9, 3)
    live.close()
