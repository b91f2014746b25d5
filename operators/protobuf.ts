/** Protobuf messages by descriptor: the record values of a topic, or of a length-delimited file. */
import { createRequire } from 'node:module';
import type protobufjs from 'protobufjs';
import type { Message, Reader, Root, Type } from 'protobufjs';
import type { ScanField } from '../compiler/plan.ts';
