/** Test support: bytes from a seed, as good as random and always the same. */
import { Buffer } from 'node:buffer'
import { createCipheriv } from 'node:crypto'

export function seededBytes(seed: number, length: number): Buffer {
  const key = Buffer.alloc(16)
  key.writeUInt32LE(seed)
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length))
}
