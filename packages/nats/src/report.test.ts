/** A report is taken from the reader that has the token, for its own root, and from nobody else. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openedReport, sealedReport, tokenHash } from './report.ts'

const hash = tokenHash('rf_secret')
const sealed = sealedReport({ committed: 7 }, 'rfack.shop.web1', hash)

test('what was sealed comes back', () => {
  assert.deepEqual(openedReport(sealed, 'rfack.shop.web1', hash), { committed: 7 })
})

test('with another token, root, reader or text it is nobody’s word', () => {
  assert.equal(
    openedReport(sealedReport({ committed: 7 }, 'rfack.shop.web1', tokenHash('other')), 'rfack.shop.web1', hash),
    null,
  )
  assert.equal(openedReport(sealed, 'rfack.blog.web1', hash), null)
  assert.equal(openedReport(sealed, 'rfack.shop.web2', hash), null)
  assert.equal(openedReport({ ...sealed, report: '{"committed":8}' }, 'rfack.shop.web1', hash), null)
  for (const value of [null, 1, 'x', {}, { report: '{}' }, { ...sealed, seal: '' }, { ...sealed, seal: 1 }])
    assert.equal(openedReport(value, 'rfack.shop.web1', hash), null)
})
