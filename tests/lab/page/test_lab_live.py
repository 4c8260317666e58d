"""A training of one's own in the page: nothing of it changes, and nobody who does not look pays for it."""

import json
import struct
import threading
import time
import zlib
from base64 import b64decode

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.errors import LucidnetError

DENSE = ln.layers.Dense


def moons():
    model = ln.Model([ln.layers.Input(2), DENSE(6, "tanh"), DENSE(1, "sigmoid")])
    model.compile("binary_crossentropy", "adam", ["accuracy"], rule="fa")
    return model, *ln.data.moons(80, seed=0)


def regression():
    model = ln.Model([ln.layers.Input(3), DENSE(6, "relu"), DENSE(2)])
    model.compile("mse", "sgd")
    x = np.random.default_rng(0).normal(size=(60, 3)).astype("f")
    return model, x, x[:, :2] * 2


def pictures():
    model = ln.Model(
        [
            ln.layers.Input((8, 8, 1)),
            ln.layers.Conv2D(3, 3, activation="relu"),
            ln.layers.Flatten(),
            DENSE(10, "softmax"),
        ]
    )
    model.compile("categorical_crossentropy", "adam")
    (x, y), _ = ln.data.load("digits")
    return model, x[:60].reshape(-1, 8, 8, 1), y[:60]


def sequences():
    model = ln.Model([ln.layers.Input((5, 2)), ln.layers.GRU(4), DENSE(1)])
    model.compile("mse", "adam")
    x = np.random.default_rng(0).normal(size=(40, 5, 2)).astype("f")
    return model, x, x.sum((1, 2))[:, None]


def frames_of(path):
    """Return the frames of a recorded page, read by other code than the page's."""
    text = path.read_text(encoding="utf-8")
    record = json.loads(text.partition('id="recorded">')[2].partition("</script>")[0])
    for packed in record["frames"]:
        message = zlib.decompress(b64decode(packed))
        (length,) = struct.unpack("<I", message[:4])
        header = json.loads(message[4 : 4 + length])
        arrays = {}
        for one in header["arrays"]:
            start = 4 + length + one["offset"]
            count = int(np.prod(one["shape"]))
            arrays[one["name"]] = np.frombuffer(message, one["type"], count, start).reshape(one["shape"])
        yield header, arrays


@pytest.mark.parametrize("make", [moons, regression, pictures, sequences])
def test_weights_are_those_of_a_training_without_it_and_frames_are_whole(make, tmp_path):
    model, x, y = make()
    model.fit(x, y, epochs=6, verbose=0, validation_split=0.2)
    bare = model.get_weights()
    path = tmp_path / "folder" / "run.html"
    model, x, y = make()
    model.fit(x, y, epochs=6, verbose=0, validation_split=0.2, callbacks=[ln.lab.Live(save=path)])
    assert np.array_equal(model.get_weights(), bare)
    found = list(frames_of(path))
    assert [header["step"] for header, _ in found] == sorted(header["step"] for header, _ in found)
    header, arrays = found[-1]
    assert header["step"] == int(model.state.step)
    for layer, params in model.params.items():
        for name, value in params.items():
            shown = arrays[f"A/weights/{layer}.{name}"]
            assert np.array_equal(shown, np.reshape(value, shown.shape))
    assert "http://" not in path.read_text() and "https://" not in path.read_text().replace(
        "http://www.w3.org", ""
    )


def test_gradients_and_activations_are_the_models_own(tmp_path):
    model, x, y = moons()
    path = tmp_path / "run.html"
    model.fit(x, y, epochs=1, batch_size=80, verbose=0, callbacks=[ln.lab.Live(save=path)], shuffle=False)
    header, arrays = list(frames_of(path))[-1]
    some = x[:64], y[:64]
    for layer, params in model.gradients(*some).items():
        for name, value in params.items():
            assert np.allclose(arrays[f"A/gradients/{layer}.{name}"].ravel(), value.ravel(), atol=1e-7)
    for layer, value in model.activations(x[:24]).items():
        assert np.allclose(arrays[f"A/activations/{layer}"], value, atol=1e-6)
    B = model.feedback["dense2"]["W"]
    assert np.array_equal(arrays["A/feedback/dense2.W"], B)
    angle = model.gradient_alignment(*some)["dense1"].degrees
    assert header["networks"][0]["angles"]["dense1"] == pytest.approx(angle, abs=1e-3)
    assert header["networks"][0]["mirror"] == pytest.approx(dict(model.weight_alignment()))


def test_a_long_training_is_thinned(tmp_path):
    model, x, y = moons()
    path = tmp_path / "run.html"
    model.fit(x, y, epochs=150, batch_size=20, verbose=0, callbacks=[ln.lab.Live(save=path)])
    steps = [header["step"] for header, _ in frames_of(path)]
    assert 40 < len(steps) <= 121 and steps[-1] == 600 and max(np.diff(steps)) <= 16
    model.fit(x, y, epochs=10, verbose=0, callbacks=[ln.lab.Live(every=7, save=path)])
    assert all((step - 1) % 7 == 0 for step in [header["step"] for header, _ in frames_of(path)][:-1])


def test_nobody_looks_and_nothing_is_made():
    model, x, y = moons()
    live = ln.lab.Live(open=False)
    began = time.perf_counter()
    model.fit(x, y, epochs=20, verbose=0, callbacks=[live])
    assert time.perf_counter() - began < 20 and live.session.number <= 1
    session = live.session
    began = time.perf_counter()
    for step in range(20_000):
        session.wants(step)
    assert (time.perf_counter() - began) / 20_000 < 5e-6  # 0.3 us on a quiet core
    live.close()
    assert live.server is None


def test_a_page_that_has_paused_and_goes_away_does_not_keep_the_training():
    model, x, y = moons()
    live = ln.lab.Live(open=False)
    stop = threading.Event()
    end = ln.callbacks.On(epoch=lambda loop, result: stop.is_set() and loop.stop("enough"))
    training = threading.Thread(
        target=lambda: model.fit(x, y, epochs=10**6, verbose=0, callbacks=[live, end])
    )
    training.start()
    while live.session is None:
        time.sleep(0.01)
    live.session.control({"do": "pause"})
    time.sleep(0.3)
    step = int(model.live.step)
    time.sleep(0.2)
    assert int(model.live.step) == step
    assert live.session.frame(live.session.number - 1, 5) is not None
    live.session.control({"do": "step"})
    time.sleep(0.3)
    assert int(model.live.step) == step + 1
    for wrong in ({}, [], {"do": "setup"}, {"do": 3}):
        with pytest.raises(LucidnetError):
            live.session.control(wrong)
    stop.set()
    live.close()
    training.join(20)
    assert not training.is_alive()


@pytest.mark.parametrize(
    "wrong",
    [
        {"every": 0},
        {"every": 1.5},
        {"save": "run.png"},
        {"save": 3},
        {"open": 1},
        {"port": -1},
        {"port": 70000},
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_at_once(wrong):
    ((name, given),) = wrong.items()
    with pytest.raises(LucidnetError, match=f"Live: {name} must be .*, got {given!r}"):
        ln.lab.Live(**wrong)


def test_in_a_notebook_it_is_a_frame_also_behind_a_hub(monkeypatch):
    from lucidnet.lab.page.server import iframe

    with ln.lab.serve("xor", open=False) as server:
        assert f'src="{server.url}"' in iframe(server)
        monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/x/")
        assert f'src="/user/x/proxy/{server.port}/#token=' in iframe(server)


def stream(times=70):
    t = np.arange(times)[:, None, None] / 5 + np.arange(3)[:, None]
    return np.sin(t).astype("f"), np.cos(t).astype("f")


def learner(rule="rflo", delay=0, times=None):
    model = ln.Model([ln.layers.Input((times, 1)), ln.layers.LeakyRNN(5, True), DENSE(1)])
    model.compile("mse", "adam")
    return model, model.online(rule, delay=delay)


@pytest.mark.parametrize(
    ("rule", "delay", "times"), [("rflo", 0, None), (ln.rules.Rule("fa", "eprop"), 3, 20)], ids=str
)
def test_learning_at_each_time_is_shown_and_stays_as_it_is(rule, delay, times, tmp_path):
    xs, ys = stream()
    model, online = learner(rule, delay, times)
    single = [online.step(x, y) for x, y in zip(xs[:40], ys[:40], strict=True)]
    stretch = online.run(xs[40:], ys[40:])
    path = tmp_path / "run.html"
    shown_model, other = learner(rule, delay, times)
    with ln.lab.Live(save=path).watch(other) as shown:
        again = [shown.step(x, y) for x, y in zip(xs[:40], ys[:40], strict=True)]
        assert np.array_equal(shown.run(xs[40:], ys[40:]), stretch)
        assert np.array_equal(shown.losses, online.losses, equal_nan=True) and shown.steps == 70
    assert np.array_equal(again, single) and np.array_equal(shown_model.get_weights(), model.get_weights())
    found = list(frames_of(path))
    header, arrays = found[-1]
    assert header["step"] == 70 and np.array_equal(
        arrays["A/weights/leakyrnn1.U"], model.params["leakyrnn1"]["U"]
    )
    assert np.allclose(arrays["A/outputs"][-1], stretch[-1, 0, 0])
    known = arrays["A/target"][: len(arrays["A/target"]) - delay]
    lasts = ys[delay:, 0, 0] if delay else ys[:, 0, 0]  # a late target is that of the time it belongs to
    assert np.allclose(known[-20:], lasts[-20:]) and np.isnan(arrays["A/target"][len(known) :]).all()
    if delay:
        assert np.array_equal(arrays["A/feedback/dense2.W"], other.feedback["dense2"]["W"])
        assert header["networks"][0]["angle"] > 1
    assert arrays["A/gradients/leakyrnn1.W"].shape == (1, 5)


def test_a_stream_pauses_and_steps_by_the_page(tmp_path):
    xs, ys = stream()
    _, online = learner()
    live = ln.lab.Live(open=False)
    shown = live.watch(online)
    live.session.control({"do": "pause"})
    training = threading.Thread(target=lambda: shown.run(xs, ys))
    training.start()
    assert live.session.frame(0, 5) is not None
    assert online.steps == 0
    live.session.control({"do": "step"})
    until = time.monotonic() + 5
    while online.steps < 1 and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.1)
    assert online.steps == 1
    live.session.control({"do": "play"})
    training.join(20)
    assert online.steps == 70
    live.close()
    with pytest.raises(LucidnetError, match=r"model.online"):
        ln.lab.Live(open=False).watch(online.model)
    with pytest.raises(TypeError):
        ln.lab.Live(7)


def header_of(message):
    (length,) = struct.unpack("<I", message[:4])
    return json.loads(message[4 : 4 + length])


def test_whoever_comes_after_the_end_sees_how_it_ended():
    """Also where nobody had looked before; single units are shown when they are asked for."""
    live, (model, x, y) = ln.lab.Live(open=False), moons()
    with pytest.raises(ValueError, match="mine"):
        model.fit(x, y, verbose=0, callbacks=[live, ln.callbacks.On(epoch=lambda *_: int("mine"))])
    first = header_of(live.session.frame(0, 5))
    assert first["step"] == 3 and not first["running"] and first["over"]
    assert first["networks"][0]["error"] is None
    assert header_of(live.session.frame(first["number"], 5, units=True))["number"] == first["number"] + 1
    assert live.session.has_units and live.session.frame(first["number"] + 1, 0.01, units=True) is None
    live.close()


def test_a_loss_that_is_not_finite_is_shown():
    live, (model, x, y) = ln.lab.Live(open=False), regression()
    model.compile("mse", ln.optimizers.SGD(1e30))
    with pytest.raises(ln.errors.NonFiniteError) as told:
        model.fit(x, y, epochs=9, verbose=0, callbacks=[live])
    assert header_of(live.session.frame(0, 5))["networks"][0]["error"] == str(told.value)
    live.close()
