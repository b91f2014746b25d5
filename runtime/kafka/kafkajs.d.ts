/**
 * What we use of kafkajs below its public face: connections, metadata, single requests. Its consumer and producer are
 * not used (see ARCHITECTURE, "Kafka through single requests"), so the version is pinned.
 */
declare module 'kafkajs/src/cluster/index.js' {
  export type PartitionMetadata = {
    readonly partitionId: number;
    readonly leader: number;
    readonly replicas: readonly number[];
    readonly isr: readonly number[];
  };
  export type Protocol<T> = {
    readonly request: {
      readonly apiKey: number;
      readonly apiVersion: number;
      readonly apiName: string;
      readonly encode: () => Promise<{ readonly buffer: Buffer }>;
    };
    readonly response: {
      readonly decode: (raw: Buffer) => Promise<unknown>;
      readonly parse: (data: never) => Promise<T>;
    };
    readonly requestTimeout?: number | null;
  };
  export type Broker = {
    readonly nodeId: number;
    readonly connectionPool: { send<T>(protocol: Protocol<T>): Promise<T> };
    isConnected(): boolean;
    connect(): Promise<void>;
    disconnect(): Promise<void>;
    metadata(topics: readonly string[]): Promise<{
      readonly brokers: readonly { readonly nodeId: number }[];
      readonly topicMetadata: readonly {
        readonly topic: string;
        readonly partitionMetadata: readonly PartitionMetadata[];
      }[];
    }>;
    listOffsets(request: object): Promise<{
      readonly responses: readonly {
        readonly topic: string;
        readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
      }[];
    }>;
    initProducerId(request: {
      readonly transactionalId?: string;
      readonly transactionTimeout: number;
    }): Promise<{ readonly producerId: string; readonly producerEpoch: number }>;
    addPartitionsToTxn(request: object): Promise<unknown>;
    endTxn(request: object): Promise<unknown>;
    deleteRecords(request: object): Promise<unknown>;
    createTopics(request: object): Promise<unknown>;
    createPartitions(request: object): Promise<unknown>;
    describeConfigs(request: object): Promise<{
      readonly resources: readonly {
        readonly resourceName: string;
        readonly configEntries: readonly {
          readonly configName: string;
          readonly configValue: string | null;
        }[];
      }[];
    }>;
    joinGroup(request: object): Promise<{
      readonly generationId: number;
      readonly leaderId: string;
      readonly memberId: string;
      readonly members: readonly {
        readonly memberId: string;
        readonly memberMetadata: Buffer;
      }[];
    }>;
    syncGroup(request: object): Promise<{ readonly memberAssignment: Buffer }>;
    heartbeat(request: object): Promise<unknown>;
    leaveGroup(request: object): Promise<unknown>;
  };
  export default class KafkaCluster {
    constructor(options: object);
    connect(): Promise<void>;
    disconnect(): Promise<void>;
    refreshMetadata(): Promise<void>;
    refreshMetadataIfNecessary(): Promise<void>;
    addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
    findTopicPartitionMetadata(topic: string): readonly PartitionMetadata[];
    findBroker(of: { readonly nodeId: number }): Promise<Broker>;
    findControllerBroker(): Promise<Broker>;
    findGroupCoordinator(of: {
      readonly groupId: string;
      readonly coordinatorType?: number;
    }): Promise<Broker>;
  }
}

declare module 'kafkajs/src/loggers/index.js' {
  const loggers: {
    createLogger(options: {
      readonly level: number;
      readonly logCreator: () => (entry: {
        readonly level: number;
        readonly log: { readonly message: string };
      }) => void;
    }): object;
  };
  export default loggers;
}

declare module 'kafkajs/src/network/socketFactory.js' {
  export default function socketFactory(): object;
}

declare module 'kafkajs/src/protocol/encoder.js' {
  export default class Encoder {
    readonly buffer: Buffer;
    writeBuffer(bytes: Buffer): this;
    writeString(text: string | null): this;
    writeInt16(value: number): this;
    writeInt32(value: number): this;
  }
}

declare module 'kafkajs/src/protocol/error.js' {
  const errors: { createErrorFromCode(code: number): Error };
  export default errors;
}

declare module 'kafkajs/src/protocol/requests/fetch/v11/request.js' {
  export default function request(options: object): {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    readonly encode: () => Promise<{ readonly buffer: Buffer }>;
  };
}

declare module 'kafkajs/src/protocol/requests/produce/v7/response.js' {
  const response: {
    decode(raw: Buffer): Promise<unknown>;
    parse(data: never): Promise<{
      readonly topics: readonly {
        readonly partitions: readonly { readonly baseOffset: string }[];
      }[];
    }>;
  };
  export default response;
}
