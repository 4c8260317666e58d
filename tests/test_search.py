"""The search of the site finds the page that answers a question, asked as people have asked it elsewhere."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SITE = ROOT / "docs" / "_build" / "html"

QUESTIONS = [  # question, page, where it was asked
    ("loss is nan", "howto/nan", "dmlc/keras#12"),
    ("model loss becomes NaN after a certain number of epochs", "howto/nan", "eternagame/EternaBrain#21"),
    ("terminate training if NaN loss encountered", "howto/nan", "keras-team/keras#6456"),
    ("why training loss doesn't decrease in my network", "tutorials/ailments", "BVLC/caffe#2731"),
    ("network does not learn after initial few epochs", "tutorials/ailments", "ily-R/Unsupervised-Optical-Flow#4"),
    ("training loss does not decrease and test accuracy always is 0.5", "tutorials/ailments", "BVLC/caffe#4427"),
    ("loss is decreasing but accuracy stuck", "tutorials/ailments", "GPflow/GPflow#1491"),
    ("model.predict() gives same output for all inputs", "howto/same", "keras-team/keras#6447"),
    ("model giving same output prediction", "howto/same", "WenjieDu/PyPOTS#163"),
    ("same prediction for all inputs", "howto/same", "fchollet/deep-learning-models#20"),
    ("loading saved model with custom loss", "howto/own_loss", "keras-team/keras#3457"),
    ("can't save the model with customized loss function", "howto/own_loss", "keras-team/keras#6356"),
    ("freeze certain layers", "howto/rates", "tflearn/tflearn#90"),
    ("setting different learning rate in different layers", "howto/rates", "tusen-ai/simpledet#153"),
    ("train only the final layer after freezing all other layers", "howto/rates", "feiyuhuahuo/Yolact_minimal#7"),
    ("transfer learning how to freeze some of the layers", "howto/rates", "nwojke/cosine_metric_learning#63"),
    ("how to get the gradients of network w.r.t weights", "howto/hidden", "keras-team/keras#4201"),
    ("getting gradients of each layer", "howto/hidden", "keras-team/keras#13751"),
    ("obtain the gradient of each parameter", "howto/hidden", "keras-team/keras#2226"),
    ("incrementally training MLPClassifier with partial_fit", "moving/sklearn", "scikit-learn/scikit-learn#11758"),
    ("training LSTM with variable-length sequences mask or padding", "howto/lengths", "keras-team/keras#4605"),
    ("sequences with different num of time steps", "howto/lengths", "keras-team/keras#85"),
    ("handling variable length sequences", "howto/lengths", "Element-Research/rnn#121"),
    ("training results are different every time", "howto/reproducible", "lovelyqian/CDFSOD-benchmark#51"),
    ("control the randomness to get the same result", "howto/reproducible", "JustGlowing/minisom#15"),
    ("short on RAM, dataset does not fit in memory, fit_generator", "howto/large_data", "keras-team/keras#4485"),
    ("resume fitting from an existing checkpoint", "howto/resume", "dattalab/keypoint-moseq#45"),
    ("can a model be fit for multiple times", "howto/resume", "keras-team/keras#4446"),
    ("imbalanced classes", "howto/unbalanced", "keras-team/keras#177"),
    ("how does one actually use class_weight on model.fit", "howto/unbalanced", "keras-team/keras#1875"),
    ("is there any API to visualize the architecture of model", "howto/draw", "pytorch/pytorch#1744"),
    ("how can I get a model architecture image", "howto/draw", "titu1994/Image-Super-Resolution#29"),
    ("how to train a multi-label classifier", "howto/multilabel", "keras-team/keras#741"),
    ("loss function for multi-label problem", "howto/multilabel", "keras-team/keras#2166"),
    ("inverse-transform the prediction back to its original scale", "howto/scale", "tcloaa/Deep-Portfolio-Theory#7"),
    ("how to revert pred values to normal", "howto/scale", "Kulbear/stock-prediction#2"),
    ("print weights per layer during training", "howto/weights", "BichenWuUCB/squeezeDet#135"),
    ("accessing weights every iteration", "howto/weights", "keras-team/keras#4054"),
    ("how to obtain the initial weight", "howto/weights", "keras-team/keras#11963"),
    ("early stopping restore model weights of the best value", "howto/early_stopping", "keras-team/keras#10765"),
    ("stop training on any criterion validation log loss", "howto/early_stopping", "keras-team/keras#114"),
    ("custom layer with a custom backward function", "howto/own_layer", "keras-team/keras#6604"),
    ("custom gradients at layer level", "howto/own_layer", "tensorflow/tensorflow#25453"),
    ("how to do a source install (editable mode) using pip", "howto/install", "mdai/mdai-client-py#36"),
    ("analyze neural network in the browser", "lab", "blueberrynfig/illegal-dumping-object-detection-engine#37"),
    ("layer model expects 4 inputs but it received 2", "howto/outputs", "AmadeusITGroup/Moire-Pattern-Detection#5"),
]  # fmt: skip


def test_the_list_names_pages_that_exist():
    assert len(QUESTIONS) >= 40
    assert len({question for question, *_ in QUESTIONS}) == len(QUESTIONS)
    for _, page, _ in QUESTIONS:
        assert (ROOT / "docs" / f"{page}.md").exists(), page


@pytest.fixture(scope="module")
def search(browser):
    """Return what finds pages by the site's own search, in a browser, from files."""
    if not (SITE / "searchindex.js").exists():
        pytest.skip("the site is not built: make docs")
    page = browser.new_page()
    page.goto(f"file://{SITE}/search.html")
    page.wait_for_function("typeof Search !== 'undefined' && Search._index !== null")
    script = """question => {
        const results = Search._performSearch(...Search._parseQuery(question)).reverse();
        return results.map(([page, , anchor]) => page);
    }"""
    yield lambda question: list(dict.fromkeys(page.evaluate(script, question)))
    page.close()


@pytest.mark.parametrize(("question", "page"), [(question, page) for question, page, _ in QUESTIONS])
def test_a_question_finds_its_page(search, question, page):
    assert page in search(question)[:3]


def test_a_name_finds_the_reference(search):
    """A word that is the name of a class leads to the page that describes it."""
    for name, page in (
        ("LSTM", "reference/layers"),
        ("AdamW", "reference/optimizers"),
        ("KeRNL", "reference/rules"),
        ("relu", "reference/layers"),  # the end of LeakyReLU, too
        ("lab", "lab"),  # not what has these letters in the middle: UnpicklableError
    ):
        assert search(name)[0] == page
