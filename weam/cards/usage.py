"""The snippets of a model card: how the model is loaded, by what it is for. Tests run every one of them."""

ENCODER = """\
from transformers import AutoModel, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained({place})
model = AutoModel.from_pretrained({place})  # the stock encoder, no remote code needed"""
SNIPPETS = {
    "text-classification": """\
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

tokenizer = AutoTokenizer.from_pretrained({place})
model = AutoModelForSequenceClassification.from_pretrained({place})
classify = pipeline("text-classification", model=model, tokenizer=tokenizer)
print(classify({{"text": "She sings in the garden.", "text_pair": "Somebody sings."}}))""",
    "token-classification": """\
from transformers import AutoModelForTokenClassification, AutoTokenizer, pipeline

tokenizer = AutoTokenizer.from_pretrained({place})
model = AutoModelForTokenClassification.from_pretrained({place})
tag = pipeline("token-classification", model=model, tokenizer=tokenizer)
print(tag("She sings in the garden ."))  # a word has the tag of its first token""",
    "question-answering": """\
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained({place})
model = AutoModelForQuestionAnswering.from_pretrained({place})
inputs = tokenizer("Where does she sing?", "She sings in the garden.", return_tensors="pt")
outputs = model(**inputs)
start, end = outputs.start_logits.argmax(), outputs.end_logits.argmax()  # long contexts need windows
print(tokenizer.decode(inputs["input_ids"][0, start : end + 1]))""",
    "multiple-choice": """\
from transformers import AutoModelForMultipleChoice, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained({place})
model = AutoModelForMultipleChoice.from_pretrained({place})
choices = ["She put on a coat.", "She took off her coat."]
inputs = tokenizer(["She was cold. What happened as a result?"] * 2, choices, padding=True, return_tensors="pt")
logits = model(**{{name: values[None] for name, values in inputs.items()}}).logits
print(choices[logits.argmax()])""",
    "sentence-similarity": ENCODER,
}
REMOTE_CODE = """\
With `trust_remote_code=True`, `AutoModel` also has `align_words(tokenizer, sources, targets)` and
`AutoModelForPreTraining` goes on with this training.

A head that you fine-tune on it is a stock model, but its config still names this code, which is not saved with it.
Say `del model.config.auto_map` before you save or push such a model; the programs of WEAM do."""
