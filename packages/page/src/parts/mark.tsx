/** A state as a word and a shape: nobody has to tell red from green. */
import type { Tone } from '../state/words.ts'

const SHAPES: Readonly<Record<Tone, string>> = {
  good: 'M6 1.5a4.5 4.5 0 1 1 0 9a4.5 4.5 0 0 1 0-9z',
  quiet: 'M6 2a4 4 0 1 1 0 8a4 4 0 0 1 0-8zm0 1.6a2.4 2.4 0 1 0 0 4.8a2.4 2.4 0 0 0 0-4.8z',
  busy: 'M6 1.2L10.8 6L6 10.8L1.2 6z',
  warning: 'M6 1L11.4 10.6H.6z',
  bad: 'M1.6 1.6h8.8v8.8H1.6z',
}

export function Shape({ tone }: { tone: Tone }) {
  return (
    <svg class={`shape ${tone}`} viewBox="0 0 12 12" aria-hidden="true">
      <path d={SHAPES[tone]} fill-rule="evenodd" />
    </svg>
  )
}

export function Mark({ tone, word }: { tone: Tone; word: string }) {
  return (
    <span class={`mark ${tone}`}>
      <Shape tone={tone} />
      {word}
    </span>
  )
}
