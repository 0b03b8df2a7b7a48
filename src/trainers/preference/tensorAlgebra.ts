// The operations of src/lib/algebra.ts on tensors, all with gradients on every backend.
import * as tf from '@tensorflow/tfjs-core';
import type { Algebra } from '../../lib/algebra';

/**
 * log(1 − e^a) through t = tanh(a/2): 1 − e^a = −2t / (1 − t), which keeps its digits near a = 0. TRL chooses between two forms
 * there; tf.where would give NaN as the gradient of the form that was not chosen.
 */
function log1mExp(a: tf.Tensor): tf.Tensor {
  const t = tf.tanh(tf.mul(a, 0.5));
  return tf.log(tf.div(tf.mul(t, -2), tf.sub(1, t)));
}

/** tf.logSigmoid keeps its input by closure, not by `save`: on a longer tape that is disposed before its gradient runs. */
export const logSigmoid = (a: tf.Tensor): tf.Tensor => tf.neg(tf.softplus(tf.neg(a)));

export const tensors: Algebra<tf.Tensor> = {
  add: (a, b) => tf.add(a, b),
  sub: (a, b) => tf.sub(a, b),
  mul: (a, b) => tf.mul(a, b),
  div: (a, b) => tf.div(a, b),
  exp: (a) => tf.exp(a),
  sigmoid: (a) => tf.sigmoid(a),
  logSigmoid,
  log1mExp,
  relu: (a) => tf.relu(a),
  square: (a) => tf.square(a),
  atMost: (a, limit) => tf.minimum(a, limit),
  atLeast: (a, limit) => tf.maximum(a, limit),
};
