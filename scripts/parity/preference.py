"""Writes test/fixtures/preference: losses, metrics, log-probabilities and one gradient of TRL's preference trainers.

The trainers' own code makes everything: dataset preparation, collator, compute_loss. The policy is the tiny model of
public/models/conformance, the reference the one that test/fixtures/sft holds after ten steps, so no weights are added here.
Run from the repository root, after model.py and sft.py: python scripts/parity/preference.py
"""
import json
import os
import tempfile

import torch
from datasets import Dataset
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification, PreTrainedTokenizerFast
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer, RewardConfig, RewardTrainer, RLOOConfig, RLOOTrainer
from trl.experimental.cpo import CPOConfig, CPOTrainer
from trl.experimental.orpo import ORPOConfig, ORPOTrainer

from words import PAD, texts, tokenizer, words

OUT = "test/fixtures/preference"
MODEL = "public/models/conformance"
GRADIENT = "model.layers.0.self_attn.k_proj.weight"
os.makedirs(OUT, exist_ok=True)
torch.set_num_threads(1)

policy_weights = load_file(f"{MODEL}/weights.safetensors")
reference_weights = load_file("test/fixtures/sft/weights_after.safetensors")


def causal(weights):
    model = LlamaForCausalLM(LlamaConfig.from_pretrained(MODEL))
    model.load_state_dict(weights, strict=False)
    model.tie_weights()
    return model


text = texts(3)
N = 4
STEP = 0.1
pairs = [{"prompt": text(2, 8), "chosen": " " + text(2, 9), "rejected": " " + text(2, 9)} for _ in range(N)]
answers = [
    {"prompt": pair["prompt"], "completion": pair[side], "label": side == "chosen"}
    for pair, side in zip(pairs, ["chosen", "rejected", "rejected", "chosen"])
] + [{"prompt": text(2, 8), "completion": " " + text(2, 9), "label": True}]

common = dict(
    per_device_train_batch_size=N, report_to=[], save_strategy="no", use_cpu=True, bf16=False, fp16=False,
    gradient_checkpointing=False, max_length=64, seed=0, disable_tqdm=True,
)
gradients = {}


def in_order(trainer):
    return lambda dataset=None: torch.utils.data.SequentialSampler(trainer.train_dataset)


def loss_of(name, trainer, inputs):
    """compute_loss and backward; the gradient goes to the safetensors file under the case's name."""
    trainer.model.train()
    trainer.model.zero_grad()
    loss = trainer.compute_loss(trainer.model, inputs)
    loss.backward()
    for parameter, tensor in trainer.model.named_parameters():
        if parameter in (GRADIENT, "score.weight"):
            gradients[f"{name}/{parameter}"] = tensor.grad.detach().clone().contiguous()
    return loss.item()


def first_batch(trainer):
    trainer._get_train_sampler = in_order(trainer)
    return trainer._prepare_inputs(next(iter(trainer.get_train_dataloader())))


def metrics_of(trainer):
    stored = getattr(trainer, "_metrics", None) or trainer._stored_metrics
    return {name: float(values[-1]) for name, values in stored["train"].items() if name != "num_tokens"}


def rows_of(ids, attention, completion):
    """Rows without their padding: ids, and 1 for each token of the completion."""
    lengths = attention.sum(1).tolist()
    return [{"ids": i[:n].tolist(), "completion": c[:n].tolist()} for i, c, n in zip(ids, completion, lengths)]


def interleaved(rows):
    """TRL has all chosen rows first; here each stands beside its rejected one."""
    half = len(rows) // 2
    return [row for i in range(half) for row in (rows[i], rows[half + i])]


fixture = {"gradient": GRADIENT, "pad": PAD}


def dpo():
    cases, rows = [], None
    settings = [
        dict(loss_type=["sigmoid"]), dict(loss_type=["sigmoid"], beta=2.0), dict(loss_type=["hinge"]),
        dict(loss_type=["hinge"], beta=2.0), dict(loss_type=["ipo"]), dict(loss_type=["exo_pair"], label_smoothing=0.1),
        dict(loss_type=["nca_pair"]), dict(loss_type=["robust"], label_smoothing=0.1), dict(loss_type=["bco_pair"]),
        dict(loss_type=["sppo_hard"]), dict(loss_type=["aot"], label_smoothing=0.1),
        dict(loss_type=["aot_unpaired"], label_smoothing=0.1), dict(loss_type=["apo_zero"]), dict(loss_type=["apo_down"]),
        dict(loss_type=["discopop"]), dict(loss_type=["discopop"], discopop_tau=0.5), dict(loss_type=["sigmoid_norm"]),
        dict(loss_type=["sft"]), dict(loss_type=["sigmoid", "bco_pair", "sft"], loss_weights=[0.8, 0.2, 1.0]),
    ]
    for f in ("forward_kl", "js_divergence", "alpha_divergence"):
        settings += [dict(loss_type=[t], f_divergence_type=f, label_smoothing=0.1) for t in ("sigmoid", "ipo", "robust")]
    settings.append(dict(loss_type=["sigmoid"], f_divergence_type="alpha_divergence", f_alpha_divergence_coef=1.0))
    for i, args in enumerate(settings):
        with tempfile.TemporaryDirectory() as folder:
            trainer = DPOTrainer(
                model=causal(policy_weights), ref_model=causal(reference_weights), processing_class=tokenizer,
                args=DPOConfig(output_dir=folder, **common, **args), train_dataset=Dataset.from_list(pairs),
            )
            inputs = first_batch(trainer)
            name = f"dpo/{i}"
            loss = loss_of(name, trainer, inputs)
            if rows is None:
                rows = rows_of(inputs["input_ids"], inputs["attention_mask"], inputs["completion_mask"])
                fixture["rows"] = interleaved(rows)
                logps = [torch.cat(trainer.compute_ref_log_probs(m, inputs)) for m in (trainer.model, trainer.ref_model)]
                names = ("logps", "ref_logps")
                fixture.update({k: interleaved(x.tolist()) for k, x in zip(names, logps)})
        cases.append({"name": name, "args": {"beta": 0.1, **args}, "loss": loss, "metrics": metrics_of(trainer)})
    fixture["dpo"] = cases


def dpo_cut():
    """keep_end so short that no prompt is left on some rows: nothing predicts their first token, and TRL still counts it."""
    cases = []
    for i, loss_type in enumerate(["sigmoid", "ipo", "sigmoid_norm", "sft"]):
        with tempfile.TemporaryDirectory() as folder:
            trainer = DPOTrainer(
                model=causal(policy_weights), ref_model=causal(reference_weights), processing_class=tokenizer,
                args=DPOConfig(output_dir=folder, **{**common, "max_length": 6}, truncation_mode="keep_end",
                               loss_type=[loss_type]),
                train_dataset=Dataset.from_list(pairs),
            )
            inputs = first_batch(trainer)
            name = f"dpo_cut/{i}"
            loss = loss_of(name, trainer, inputs)
            rows = rows_of(inputs["input_ids"], inputs["attention_mask"], inputs["completion_mask"])
        firsts = {row["completion"][0] for row in rows}
        assert firsts == {0, 1}, "some rows with a prompt left, and some without"
        fixture["dpo_cut_rows"] = interleaved(rows)
        cases.append({"name": name, "args": {"beta": 0.1, "loss_type": [loss_type]}, "loss": loss,
                      "metrics": metrics_of(trainer)})
    fixture["dpo_cut"] = cases


def without_reference(key, Trainer, Config, settings):
    cases = []
    for i, args in enumerate(settings):
        with tempfile.TemporaryDirectory() as folder:
            trainer = Trainer(
                model=causal(policy_weights), processing_class=tokenizer,
                args=Config(output_dir=folder, remove_unused_columns=False, **common, **args),
                train_dataset=Dataset.from_list(pairs),
            )
            inputs = first_batch(trainer)
            sides = [
                row for side in ("chosen", "rejected")
                for row in rows_of(inputs[f"{side}_input_ids"], inputs[f"{side}_attention_mask"],
                                   (inputs[f"{side}_labels"] != -100).long())
            ]
            assert interleaved(sides) == fixture["rows"], "these trainers read other rows than DPOTrainer"
            name = f"{key}/{i}"
            loss = loss_of(name, trainer, inputs)
        cases.append({"name": name, "args": {"beta": 0.1, **args}, "loss": loss, "metrics": metrics_of(trainer)})
    fixture[key] = cases


def kto():
    cases = []
    settings = [
        dict(loss_type="kto"), dict(loss_type="kto", beta=1.0, desirable_weight=1.5, undesirable_weight=0.5),
        dict(loss_type="apo_zero_unpaired"),
    ]
    for i, args in enumerate(settings):
        for swapped in (False, True):  # with the models swapped the mean log-ratio changes its sign: z is 0 in one of the two
            models_ = [causal(policy_weights), causal(reference_weights)]
            with tempfile.TemporaryDirectory() as folder:
                trainer = KTOTrainer(
                    model=models_[swapped], ref_model=models_[not swapped], processing_class=tokenizer,
                    args=KTOConfig(output_dir=folder, **{**common, "per_device_train_batch_size": len(answers)}, **args),
                    train_dataset=Dataset.from_list(answers),
                )
                inputs = first_batch(trainer)
                name = f"kto/{2 * i + swapped}"
                loss = loss_of(name, trainer, inputs)
            if "KL_input_ids" in inputs:
                fixture["kto_rows"] = rows_of(inputs["input_ids"], inputs["attention_mask"], inputs["completion_mask"])
                fixture["kto_mismatched"] = rows_of(
                    inputs["KL_input_ids"], inputs["KL_attention_mask"], inputs["KL_completion_mask"]
                )
                fixture["kto_labels"] = [int(label) for label in inputs["label"]]
            cases.append({"name": name, "swapped": swapped, "args": {"beta": 0.1, **args}, "loss": loss,
                          "metrics": metrics_of(trainer)})
    fixture["kto"] = cases


def reward():
    config = LlamaConfig.from_pretrained(MODEL)
    config.num_labels = 1
    score = 0.4 * torch.randn(1, config.hidden_size, generator=torch.Generator().manual_seed(4))
    margins = [0.5, 0.0, 1.0, 2.0]
    cases = []
    for i, (args, has_margin) in enumerate([({}, False), ({"center_rewards_coefficient": 0.01}, False), ({}, True)]):
        model = LlamaForSequenceClassification(config)
        model.load_state_dict({**policy_weights, "score.weight": score}, strict=False)
        data = [{**pair, **({"margin": margin} if has_margin else {})} for pair, margin in zip(pairs, margins)]
        with tempfile.TemporaryDirectory() as folder:
            trainer = RewardTrainer(
                model=model, processing_class=tokenizer, args=RewardConfig(output_dir=folder, **common, **args),
                train_dataset=Dataset.from_list(data),
            )
            inputs = first_batch(trainer)
            name = f"reward/{i}"
            with torch.no_grad():
                rewards = trainer.model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).logits
            loss = loss_of(name, trainer, inputs)
            rows = rows_of(inputs["input_ids"], inputs["attention_mask"], inputs["attention_mask"])
            assert [r["ids"] for r in interleaved(rows)] == [r["ids"] for r in fixture["rows"]]
        cases.append({"name": name, "args": args, "margins": margins if has_margin else None, "loss": loss,
                      "rewards": interleaved(rewards.squeeze(-1).tolist()), "metrics": metrics_of(trainer)})
    fixture["reward"] = cases
    fixture["score"] = score[0].tolist()
    pad_is_eos(config, score)


def pad_is_eos(config, score):
    """Writes padIsEos.json: the same pairs with a tokenizer without a pad token, and where transformers reads single rows."""
    def classifier(pad):
        model = LlamaForSequenceClassification(LlamaConfig.from_dict({**config.to_dict(), "pad_token_id": pad}))
        model.load_state_dict({**policy_weights, "score.weight": score}, strict=False)
        return model

    bare = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>", eos_token="<eos>")
    with tempfile.TemporaryDirectory() as folder:
        trainer = RewardTrainer(
            model=classifier(None), processing_class=bare, args=RewardConfig(output_dir=folder, **common),
            train_dataset=Dataset.from_list(pairs),
        )
        inputs = first_batch(trainer)
        given = {k: inputs[k] for k in ("input_ids", "attention_mask")}
        with torch.no_grad():
            rewards = trainer.model(**given).logits
        loss = loss_of("eos", trainer, inputs)
        rows = rows_of(inputs["input_ids"], inputs["attention_mask"], inputs["attention_mask"])
        assert [r["ids"] for r in interleaved(rows)] == [r["ids"] for r in fixture["rows"]]
        found = {"pad": trainer.model.config.pad_token_id, "loss": loss, "rewards": interleaved(rewards.squeeze(-1).tolist()),
                 "metrics": metrics_of(trainer), "gradient": gradients.pop("eos/score.weight")[0].tolist()}
    gradients.pop(f"eos/{GRADIENT}")
    texts = []
    for pad in (None, 1, PAD):
        model = classifier(pad)
        for ids in ([3, 4, 5, 6, 1], [3, 1, 4, 1, 1], [1, 3, 1], [1, 1], [1], [5, 6, PAD], [PAD, PAD], [7, 8, 9]):
            with torch.no_grad():
                texts.append({"pad": pad, "ids": ids, "reward": model(input_ids=torch.tensor([ids])).logits.item()})
    json.dump({**found, "texts": texts}, open(f"{OUT}/padIsEos.json", "w"))


class GivenCompletions(RLOOTrainer):
    """Draws nothing: the completions are the rows of the pairs."""

    def _generate(self, prompts):
        rows = fixture["rows"]
        cut = [row["completion"].index(1) for row in rows]
        completions = [row["ids"][n:] for row, n in zip(rows, cut)]
        return [row["ids"][:n] for row, n in zip(rows, cut)], completions, self.processing_class.batch_decode(completions)


def rloo():
    """Rollout by the policy, then a step from weights a little on the way to the reference, so that ratios leave 1."""
    cases = []
    rewards = [[1.0, 0.0, 0.5, 2.0, -1.0, 1.0, 0.0, 0.0], [1.0, None, 0.5, 2.0, -1.0, 1.0, None, None]]
    for i, (args, given) in enumerate([
        (dict(num_generations=4), rewards[0]), (dict(num_generations=4, normalize_advantages=True), rewards[0]),
        (dict(num_generations=4, beta=0.0, epsilon=0.1), [0.0, 0.0, 0.0, 1.0, 4.0, 0.0, 1.0, 0.0]),  # for those now likelier
        (dict(num_generations=2, beta=0.0), rewards[1]), (dict(num_generations=4, epsilon=0.05, epsilon_high=0.3), rewards[1]),
    ]):
        settings = {k: v for k, v in common.items() if k not in ("max_length", "per_device_train_batch_size")}
        with tempfile.TemporaryDirectory() as folder:
            model = causal(policy_weights)
            model.config._name_or_path = f"{folder}/reference"  # RLOOTrainer loads its reference from there
            causal(reference_weights).save_pretrained(f"{folder}/reference")
            trainer = GivenCompletions(
                model=model, reward_funcs=lambda given=given, **_: given, processing_class=tokenizer,
                args=RLOOConfig(output_dir=folder, per_device_train_batch_size=2 * N, max_completion_length=16,
                                **settings, **args),
                train_dataset=Dataset.from_list([{"prompt": pair["prompt"]} for pair in pairs]),
            )
            trainer.model.train()
            rollout = trainer._generate_and_score_completions([{"prompt": ""}] * (2 * N))
            with torch.no_grad():
                for name, parameter in trainer.model.named_parameters():
                    parameter.add_(STEP * (reference_weights[name] - parameter))
            name = f"rloo/{i}"
            loss = loss_of(name, trainer, rollout)
            cases.append({
                "name": name, "args": {"beta": 0.05, "epsilon": 0.2, **args}, "rewards": given, "loss": loss,
                "old_logps": rollout["old_logps"].tolist(), "advantages": rollout["advantages"].tolist(),
                "metrics": metrics_of(trainer),
            })
    fixture["rloo"] = cases
    fixture["rloo_step"] = STEP


dpo()
dpo_cut()
without_reference("cpo", CPOTrainer, CPOConfig, [
    dict(loss_type="sigmoid"), dict(loss_type="sigmoid", label_smoothing=0.1, cpo_alpha=0.5), dict(loss_type="hinge"),
    dict(loss_type="ipo"), dict(loss_type="simpo", cpo_alpha=0.0, beta=2.5, simpo_gamma=1.375),
    dict(loss_type="alphapo", cpo_alpha=1.0, beta=2.5), dict(loss_type="alphapo", cpo_alpha=0.0, beta=2.5, alpha=0.25),
    dict(loss_type="alphapo", cpo_alpha=1.0, beta=10.0, simpo_gamma=1.375, label_smoothing=0.1, alpha=-0.1),
    dict(loss_type="simpo", cpo_alpha=1.0, beta=2.5, alpha=-0.1), dict(loss_type="sigmoid", alpha=-0.1),
    dict(loss_type="hinge", cpo_alpha=0.0, alpha=0.05), dict(loss_type="ipo", alpha=0.25),
])
without_reference("orpo", ORPOTrainer, ORPOConfig, [dict(), dict(beta=1.0)])
kto()
reward()
rloo()
save_file(gradients, f"{OUT}/gradients.safetensors", metadata={"format": "pt"})
json.dump(fixture, open(f"{OUT}/fixture.json", "w"))
for key in ("dpo", "dpo_cut", "cpo", "orpo", "kto", "reward", "rloo"):
    for case in fixture[key]:
        print(case["name"], case["args"], case["loss"])
