// Named tensors in one flat array, in the order that AdamW wants: those that decay first.
import { ShapeError } from '../lib/errors';
import { sizeOf } from './lora';
import type { NamedTensorMap } from './seam';

export interface Parameter {
  name: string;
  shape: number[];
  size: number;
  offset: number;
}
export interface ParameterShape {
  name: string;
  shape: number[];
  decays: boolean;
}

export class ParameterSet {
  readonly parameters: Parameter[] = [];
  readonly size: number;
  /** Elements before this one decay. */
  readonly decayEnd: number;

  /** `owner` names the thing in errors: "The weights lack …". */
  constructor(
    shapes: readonly ParameterShape[],
    private readonly owner: string,
  ) {
    let offset = 0;
    let decayEnd = 0;
    for (const { name, shape, decays } of [...shapes.filter((s) => s.decays), ...shapes.filter((s) => !s.decays)]) {
      const size = sizeOf(shape);
      this.parameters.push({ name, shape, size, offset });
      offset += size;
      if (decays) decayEnd = offset;
    }
    this.size = offset;
    this.decayEnd = decayEnd;
  }

  /** Throws ShapeError naming the tensor that is missing or has another shape. */
  toFlat(tensors: NamedTensorMap, prefix = ''): Float32Array {
    const flat = new Float32Array(this.size);
    for (const { name, shape, size, offset } of this.parameters) {
      const given = tensors[prefix + name];
      if (!given)
        throw new ShapeError(
          `${this.owner} lack the tensor ${name} (${shape.join('×')}). Use those of a model of this shape.`,
          { where: name },
        );
      if (given.data.length !== size || given.shape.join() !== shape.join())
        throw new ShapeError(`Tensor ${name} must be ${shape.join('×')}, got ${given.shape.join('×')}.`, {
          where: name,
        });
      flat.set(given.data, offset);
    }
    return flat;
  }
  fromFlat(flat: Float32Array, prefix = ''): NamedTensorMap {
    const out: NamedTensorMap = {};
    for (const { name, shape, size, offset } of this.parameters)
      out[prefix + name] = { shape: [...shape], data: flat.slice(offset, offset + size) };
    return out;
  }
}
