/**
 * A "no" that is an answer: the root is unavailable, the plan was released, the work was closed. The caller may ask
 * again later. Every other error is a fault of this program, which is logged with its stack.
 */
export class Refusal extends Error {
  override name = 'Refusal'
}
