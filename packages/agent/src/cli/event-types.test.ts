/** Events that come in pieces. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventTypes } from './event-types.ts'

test('the types of events are found, wherever the stream is cut', async () => {
  const text = 'retry: 1\n: connected\n\nid: a-1\nevent: root\ndata: {"event: no":1}\n\nevent: receiver\ndata: {}\n\n'
  for (const size of [1, 7, 1_000]) {
    const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, at) =>
      new TextEncoder().encode(text.slice(at * size, (at + 1) * size)),
    )
    assert.deepEqual(await Array.fromAsync(eventTypes(streamOf(pieces))), ['root', 'receiver'], String(size))
  }
})

function streamOf(pieces: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start: (controller) => {
      for (const piece of pieces) controller.enqueue(piece)
      controller.close()
    },
  })
}
