/** `--schema STREAM=FILE[:MESSAGE]`: which protobuf message a stream's records are. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { messageNames, type ProtobufSchema } from '../../operators/decode/protobuf.ts';
import { fileFault } from '../files.ts';
import { UsageError } from '../usage-error.ts';

/** MESSAGE, a full name, behind the last colon. */
const OPTION = /^([^=]+)=(.+?)(?::([A-Za-z_][\w.]*))?$/;

/** A schema that can be told from others: two runs with different ones are different runs. */
type NamedSchema = ProtobufSchema & { readonly digest: string };

/**
 * By index of scan, as `scanOf` names it. FILE is `.proto` text or a descriptor set (`protoc --descriptor_set_out
 * --include_imports`); MESSAGE may be left out where FILE has one message only. A UsageError for what is not so.
 */
export function parseSchemas(
  options: readonly string[],
  scanOf: (stream: string) => number,
): Map<number, NamedSchema> {
  const schemas = new Map<number, NamedSchema>();
  for (const option of options) {
    const parts = OPTION.exec(option);
    if (parts === null) {
      throw new UsageError(`--schema ${option}: write STREAM=FILE.proto:package.Message`);
    }
    const [, stream, file, message] = parts;
    schemas.set(scanOf(stream!), schemaOf(file!, message ?? null));
  }
  return schemas;
}

function schemaOf(file: string, message: string | null): NamedSchema {
  const source = readSchema(file);
  let names: readonly string[];
  try {
    names = messageNames(source);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UsageError(
      `--schema ${file} is no protobuf schema: ${why}. A .proto file that imports others must be given as a descriptor set: protoc --include_imports --descriptor_set_out=FILE.binpb …`,
    );
  }
  const name = message ?? (names.length === 1 ? names[0]! : null);
  if (name !== null && names.includes(name)) {
    const digest = createHash('sha256').update(source).update(name).digest('hex').slice(0, 16);
    return { source, message: name, digest };
  }
  const which = message === null ? 'say which message, behind a colon' : `there is no ${message}`;
  throw new UsageError(`--schema ${file}: ${which}; it has ${names.join(', ') || 'none'}`);
}

function readSchema(file: string): string | Uint8Array {
  try {
    const bytes = readFileSync(file);
    return file.endsWith('.proto') ? bytes.toString('utf8') : bytes;
  } catch (error) {
    throw fileFault('read', file, error);
  }
}
