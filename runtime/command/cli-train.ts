/** What trains: train, setup. */
import type { Console } from '../console-output.ts';
import { collect, whole } from '../option-values.ts';
import { DEVICES } from '../trainer/tensor-device.ts';
import { UsageError } from '../usage-error.ts';
import { type Command, type Done, Option } from './command.ts';
import { isKafkaRun, type LiveTrainOptions, runTrainer } from './kafka-options.ts';

const NO_SOURCE = 'train takes --from DIR (a finished run), or PATH… --kafka HOST:PORT --app NAME';

type TrainOptions = LiveTrainOptions & { from?: string };

export function addTraining(program: Command, out: Console, done: Done): void {
  program
    .command('train')
    .argument('[path...]', 'with --kafka: .feat files and folders')
    .description(
      'train the built-in model on the examples of a run or of a topic, and say how good it is',
    )
    .option('--from <dir>', 'output folder of a finished run')
    .option(
      '--kafka <brokers>',
      'HOST:PORT[,…]: train on the example topic of an application, for ever',
    )
    .option('--app <name>', 'with --kafka: the application')
    .option('--config <file>', 'with --kafka: as in run')
    .option('--until-end', 'with --kafka: train to where the topic ends now, then stop')
    .option('--set <name>', 'an example set; repeat for more (default: all with labels)', collect)
    .option('--label <name>', 'a label to train; repeat for more (default: all)', collect)
    .option(
      '--weights <name>',
      'how late labels are corrected for: [label=]auto|none|take-back|fake-negative|fnw|fnc|elapsed|es-dfm|defer; repeat for more labels (default: auto, by policy)',
      collect,
    )
    .option(
      '--to <path>',
      'the model file (default: <set>.model in the folder); with --kafka the folder of models (default: millrace-models/<app>)',
    )
    .option('--resume', 'go on from the snapshot where training was cut off')
    .option('--fresh', 'train anew: delete the model that is there, the published one included')
    .addOption(
      new Option(
        '--device <name>',
        'where to train the deep model of a model block; none: FTRL alone',
      )
        .choices(['auto', ...DEVICES, 'none'])
        .default('auto'),
    )
    .option(
      '--keep <n>',
      'chains of snapshots of a deep model to keep, 1 to 1000',
      whole(1, 1000),
      2,
    )
    .option('--slice <column>', "quality by a column's values; repeat for more", collect)
    .action(async (paths: string[], options: TrainOptions) => {
      if (isKafkaRun(options)) {
        done(await runTrainer(paths, options, out));
        return;
      }
      const { trainCommand } = await import('./train-command.ts');
      if (options.from === undefined) throw new UsageError(NO_SOURCE);
      const { from, set = [], label = [], weights = [], to = null } = options;
      const { resume = false, fresh = false, device, slice: slices = [], keep } = options;
      if (resume && fresh) throw new UsageError('--resume goes on, --fresh starts over: give one');
      const where = { from, sets: set, labels: label, weights, to, resume, fresh };
      done(await trainCommand({ ...where, device, slices, keep }, out));
    });
  program
    .command('setup')
    .argument('<what>', 'tensorflow or webgpu')
    .description('install a device for deep models, from npm and PyPI alone')
    .option('--gpu', 'TensorFlow with CUDA 12')
    .option('--wheel <file>', 'a TensorFlow wheel downloaded before, instead of pip download')
    .action(async (what: string, { gpu, wheel }: { gpu?: boolean; wheel?: string }) => {
      const { setupTensorflow, setupWebGpu } = await import('./setup-tensorflow.ts');
      if (what === 'webgpu') done(await setupWebGpu(out));
      else if (what !== 'tensorflow') {
        throw new UsageError(`millrace sets up tensorflow or webgpu, not ${what}`);
      } else done(await setupTensorflow({ gpu: gpu === true, wheel: wheel ?? null }, out));
    });
}
