// The pipeline as data: what each phase is for, and whether the studio has it yet.

export interface Phase {
  id: string;
  name: string;
  role: string;
  fixes: string;
  artifact: string;
  /** Address of its panel; undefined = a chapter that is not built yet. */
  href?: string;
}

export const PHASES: readonly Phase[] = [
  {
    id: 'base',
    name: 'Base model',
    role: 'where it starts',
    fixes: 'Nothing yet: it continues text, fluently and without obeying.',
    artifact: 'pretrained weights, tokenizer',
    href: '#/chat',
  },
  {
    id: 'sft',
    name: 'SFT',
    role: 'nearly always',
    fixes: 'Format drifts, roles blur, tool fields are wrong.',
    artifact: 'chat template, supervision mask, checkpoint',
    href: '#/sft',
  },
  {
    id: 'peft',
    name: 'PEFT',
    role: 'often',
    fixes: 'Many variants are needed and full tuning costs too much.',
    artifact: 'LoRA or QLoRA adapter, adapter routing',
    href: '#/lora',
  },
  {
    id: 'preference',
    name: 'Preference alignment',
    role: 'usually',
    fixes: 'Answers are not wrong, and still not the ones people want.',
    artifact: 'preference pairs, reward model, DPO or RLHF policy',
    href: '#/preferences',
  },
  {
    id: 'tools',
    name: 'Tools and RAG',
    role: 'most products',
    fixes: 'It guesses private or live data instead of looking it up.',
    artifact: 'tool traces, schemas, validator, constrained decoding',
  },
  {
    id: 'reasoning',
    name: 'Reasoning RL',
    role: 'by task',
    fixes: 'Several steps go astray although the answer could be checked.',
    artifact: 'verifier, process reward, GRPO-style training',
  },
  {
    id: 'distillation',
    name: 'Distillation',
    role: 'frequently',
    fixes: 'Quality is there; latency and cost are not.',
    artifact: 'teacher–student pipeline, student model',
  },
];
