import type { BlockOptions, Compression } from '../block/block-writer.ts';
import { parseFloatForm } from '../block/float-form.ts';
import { UsageError } from '../usage-error.ts';
import type { OutputFormat } from './sink.ts';

/** What a folder is known by: two halves of a file in two precisions would be neither. */
export function formatText(format: OutputFormat, { floats, compression }: BlockOptions): string {
  const precision = floats.kind === 'step' ? String(1 / floats.divisor) : floats.kind;
  if (format === 'ndjson') {
    if (precision === 'exact' && compression === 'none') return format;
    throw new UsageError('--floats and --compress are for --format block and parquet');
  }
  const said = precision === 'exact' ? format : `${format} --floats ${precision}`;
  return compression === 'none' ? said : `${said} --compress ${compression}`;
}

/** What `formatText` wrote. */
export function parseFormat(text: string): { format: OutputFormat; block: BlockOptions } {
  const [format, ...options] = text.split(' ');
  const said = (option: string, otherwise: string) => {
    const at = options.indexOf(option);
    return at < 0 ? otherwise : options[at + 1]!;
  };
  return {
    format: format as OutputFormat,
    block: {
      floats: parseFloatForm(said('--floats', 'exact')),
      compression: said('--compress', 'none') as Compression,
    },
  };
}
