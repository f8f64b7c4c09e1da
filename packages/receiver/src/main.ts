#!/usr/bin/env node
/** Entry of rootferry-receiver: the only file of the package that touches the process. */
import { setFlagsFromString } from 'node:v8'
import { runCommand } from '@rootferry/host'
import { receiverCommand } from './cli.ts'

// Network buffers are garbage by the gigabyte: V8 would collect for every few dozen megabytes of them, which is a tenth
// of all work.
setFlagsFromString('--external-memory-accounted-in-global-limit')
// Files get the modes they are created with, which are the agent's.
process.umask(0)
await runCommand('rootferry-receiver', process, (terminal) => receiverCommand(terminal, process.env['ROOTFERRY_TOKEN']))
