/**
 * At most one receiver for a target root on a host: an abstract Unix socket named after the root's directory.
 * The kernel gives it back when the process ends, however it ends, and no file is left behind.
 */
import { createServer, type Server } from 'node:net'
import { EXIT, errorCode, Failure } from '@rootferry/host/machine'

/**
 * @param identity device and inode of the root's directory, wherever a symlink led to it
 * @throws Failure when another process holds it
 */
export async function lockRoot(path: string, identity: { dev: number; ino: number }): Promise<Server> {
  const server = createServer((socket) => socket.destroy())
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(`\0rootferry-receiver-${identity.dev}-${identity.ino}`, resolve)
  try {
    await promise
  } catch (cause) {
    if (errorCode(cause) !== 'EADDRINUSE') throw cause
    throw new Failure(EXIT.failed, `${path} is served by another rootferry receiver on this host`, { cause })
  }
  server.unref()
  return server
}

export async function unlockRoot(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  await promise
}
