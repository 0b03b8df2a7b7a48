// A tensor as a constant of the gradient; tfjs has no stop_gradient.
import * as tf from '@tensorflow/tfjs-core';

/** x itself, with a gradient of 0. */
export const detach = tf.customGrad((x) => ({
  value: tf.clone(x as tf.Tensor),
  gradFunc: (dy: tf.Tensor) => tf.zerosLike(dy),
})) as <T extends tf.Tensor>(x: T) => T;
