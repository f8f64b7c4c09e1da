/** A receiver that joins while the agent looks at its tree for the first time is ready when it has all of it. */
import assert from 'node:assert/strict'
import { notReadyReason } from '../../packages/receiver/src/serve/http/readiness.ts'
import { scene } from './scene.ts'

const DIRECTORIES = 12
const FILES = 20

scene(
  'an empty receiver is not ready with a part of the tree while the first scan of an index goes on',
  {
    receivers: 1,
    // The disk of the agent's host is slow.
    settings: { mostCallMs: 20 },
    prepare: ({ source }) => {
      for (let directory = 0; directory < DIRECTORIES; directory += 1)
        for (let file = 0; file < FILES; file += 1) source.write(`d${directory}/f${file}`, 'x')
    },
  },
  async (scene) => {
    await scene.until(() => notReadyReason(scene.receiverState(0), null, 0) === null)
    assert.equal(scene.root.state, 'ready')
    assert.equal(scene.receiverState(0).sequence, scene.root.sequence)
    await scene.inSync()
  },
)
