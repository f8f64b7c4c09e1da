/** Entry of rootferry-receiver: the only file of the package that touches the process. */
import { runCommand } from '@rootferry/host/daemon'
import { tuneCollector } from '@rootferry/host/machine'
import { receiverCommand } from './cli/receiver-command.ts'

tuneCollector()
// Files get exactly the modes that they are created with, which are the agent's.
const umask = process.umask(0)
const environment = { token: process.env['ROOTFERRY_TOKEN'], umask }
await runCommand('rootferry-receiver', process, (terminal) => receiverCommand(terminal, environment))
