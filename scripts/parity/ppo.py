"""Writes test/fixtures/preference/ppo.json: what TRL's PPOTrainer computes between a rollout and its updates.

The trainer of TRL 1.12.0, the last release that has one, runs for one batch on the tiny model of public/models/conformance;
its local variables are read at each backward pass. Run from the repository root, after model.py and sft.py, with that release
before the pinned one on the path: PYTHONPATH=<folder of trl 1.12.0> python scripts/parity/ppo.py
"""
import json
import os
import sys
import tempfile

import torch
from datasets import Dataset
from safetensors.torch import load_file
from tokenizers import Tokenizer, models
from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification, PreTrainedTokenizerFast
import trl
from trl.experimental.ppo import PPOConfig, PPOTrainer

assert trl.__version__ == "1.12.0", trl.__version__
OUT = "test/fixtures/preference/ppo.json"
MODEL = "public/models/conformance"
torch.set_num_threads(1)
config = LlamaConfig.from_pretrained(MODEL)
config.num_labels = 1
policy_weights = load_file(f"{MODEL}/weights.safetensors")
reference_weights = load_file("test/fixtures/sft/weights_after.safetensors")


def causal(weights):
    model = LlamaForCausalLM(LlamaConfig.from_pretrained(MODEL))
    model.load_state_dict(weights, strict=False)
    model.tie_weights()
    return model


def scorer(seed):
    model = LlamaForSequenceClassification(config)
    score = 0.3 * torch.randn(1, config.hidden_size, generator=torch.Generator().manual_seed(seed))
    model.load_state_dict({**policy_weights, "score.weight": score}, strict=False)
    return model


vocabulary = {"<unk>": 0, "<eos>": 1, "<pad>": 2, **{f"t{i}": i for i in range(3, 97)}}
tokenizer = PreTrainedTokenizerFast(
    tokenizer_object=Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>")),
    unk_token="<unk>", eos_token="<eos>", pad_token="<pad>", padding_side="left",
)
generator = torch.Generator().manual_seed(5)
prompts = [{"input_ids": torch.randint(3, 97, (4,), generator=generator).tolist()} for _ in range(8)]

ROLLOUT = ("logprobs", "ref_logprobs", "values", "scores", "kl", "rewards", "advantages", "returns")
UPDATE = ("new_logprobs", "vpred")
FIGURES = ("pg_loss", "vf_loss", "loss")


def numbers(tensor):
    return [float(f"{x:.9g}") for x in tensor.detach().float().flatten().tolist()]  # all digits of f32


def run(**args):
    torch.manual_seed(7)
    case = {"updates": []}
    with tempfile.TemporaryDirectory() as folder:
        trainer = PPOTrainer(
            args=PPOConfig(
                output_dir=folder, report_to=[], save_strategy="no", use_cpu=True, bf16=False, fp16=False, seed=0,
                gradient_checkpointing=False, disable_tqdm=True, per_device_train_batch_size=8, num_mini_batches=1,
                local_rollout_forward_batch_size=8, total_episodes=8, response_length=10, num_sample_generations=0,
                logging_steps=1, **args,
            ),
            processing_class=tokenizer, model=causal(policy_weights), ref_model=causal(reference_weights),
            reward_model=scorer(1), value_model=scorer(2), train_dataset=Dataset.from_list(prompts),
            eval_dataset=Dataset.from_list(prompts),
        )
        backward = trainer.accelerator.backward
        logged = {}

        def spy(loss, **kwargs):
            local = sys._getframe(1).f_locals
            order = local["micro_batch_inds"].tolist()
            if not case["updates"]:
                case["B"], case["T"] = local["responses"].shape
                case["lengths"] = (local["sequence_lengths"] + 1).tolist()
                case.update({name: numbers(local[name]) for name in ROLLOUT})
            slopes = torch.autograd.grad(loss, [local[name] for name in UPDATE], retain_graph=True)
            back = torch.argsort(torch.tensor(order))  # rows in the order of the rollout
            case["updates"].append({
                **{name: numbers(local[name][back]) for name in UPDATE},
                **{f"d_{name}": numbers(slope[back]) for name, slope in zip(UPDATE, slopes)},
                **{name: local[name].item() for name in FIGURES},
                "vf_clipfrac": local["vf_clipfrac"].item(),
            })
            return backward(loss, **kwargs)

        trainer.accelerator.backward = spy
        trainer.log = lambda metrics, *_: logged.update(metrics)
        trainer.train()
    names = ("objective/kl", "objective/non_score_reward", "objective/rlhf_reward", "objective/scores", "policy/approxkl_avg",
             "policy/clipfrac_avg", "loss/policy_avg", "loss/value_avg", "val/clipfrac_avg", "val/ratio")
    case["metrics"] = {name: logged[name] for name in names}
    case["args"] = {
        name: getattr(trainer.args, name)
        for name in ("kl_coef", "kl_estimator", "gamma", "lam", "cliprange", "cliprange_value", "vf_coef", "whiten_rewards")
    }
    return case


cases = [
    run(learning_rate=1e-3, stop_token_id=39),
    run(learning_rate=1e-3, stop_token_id=39, kl_estimator="k3", kl_coef=0.2, gamma=0.9, lam=0.8, whiten_rewards=True),
]
os.makedirs(os.path.dirname(OUT), exist_ok=True)
json.dump({"cases": cases}, open(OUT, "w"))
for case in cases:
    print(case["args"], case["lengths"], json.dumps(case["metrics"]))
    print([(u["loss"], u["vf_clipfrac"]) for u in case["updates"]])
