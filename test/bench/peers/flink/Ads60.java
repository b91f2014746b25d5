import java.io.BufferedOutputStream;
import java.io.DataOutputStream;
import java.io.FileOutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.file.src.FileSource;
import org.apache.flink.connector.file.src.reader.TextLineInputFormat;
import org.apache.flink.core.fs.Path;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.functions.ProcessFunction;
import org.apache.flink.util.Collector;

/**
 * ads-60 as an expert would write it for Flink: five keyBys in a chain, per key one ring of its events with running sums
 * for three exact windows. Usage: arrival|ordered heap|rocksdb EVENTS.ndjson OUT
 *
 * arrival: events are applied as they come (right only for one file in time order, read by one task).
 * ordered: every stage puts its events into event-time order before it applies them, so a rerun gives the same answer.
 */
public final class Ads60 {
  static final long[] WINDOWS = {300_000L, 3_600_000L, 86_400_000L};
  static final long DISORDER_MS = 5_000;

  public static void main(String[] args) throws Exception {
    boolean ordered = args[0].equals("ordered");
    Configuration config = new Configuration();
    config.setString("state.backend.type", args[1].equals("heap") ? "hashmap" : "rocksdb");
    config.setString("taskmanager.memory.managed.size", args[1].equals("heap") ? "32m" : "512m");
    config.setString("pipeline.object-reuse", "true");
    StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment(config);
    env.setParallelism(1);
    DataStream<Event> events = env
        .fromSource(FileSource.forRecordStreamFormat(new TextLineInputFormat(), new Path(args[2])).build(),
            WatermarkStrategy.noWatermarks(), "events")
        .process(new Parse())
        .assignTimestampsAndWatermarks(WatermarkStrategy.<Event>forBoundedOutOfOrderness(java.time.Duration.ofMillis(DISORDER_MS))
            .withTimestampAssigner((event, time) -> event.ts));
    List<KeySelector<Event, String>> keys = List.of(e -> e.user, e -> e.ad, e -> e.placement, e -> e.campaign, e -> e.user + ' ' + e.campaign);
    for (int i = 0; i < keys.size(); i++) events = events.keyBy(keys.get(i)).process(new Features(i * 12, ordered));
    events.process(new Write(args[3]));
    env.execute();
  }

  /** A POJO, so that Flink's own serializer takes it. */
  public static final class Event {
    public String id, user, ad, placement, campaign;
    public long ts;
    public double bid;
    public boolean isClick;
    public double[] features = new double[60];
  }

  /** A key's events of the last day in time order, as parallel arrays, with where each window begins and its sums. */
  public static final class Ring {
    public long[] ts = new long[4];
    public double[] bid = new double[4];
    public boolean[] click = new boolean[4];
    public int n, visible;
    public int[] from = new int[3];
    public double[] imps = new double[3], clicks = new double[3], bids = new double[3];

    void add(Event e) {
      if (n == ts.length) {
        int keep = n - from[2];
        int size = Math.max(4, keep * 2);
        ts = copy(ts, new long[size], keep);
        bid = copy(bid, new double[size], keep);
        click = copy(click, new boolean[size], keep);
        int dropped = from[2];
        n -= dropped;
        visible -= dropped;
        for (int w = 0; w < 3; w++) from[w] -= dropped;
      }
      ts[n] = e.ts;
      bid[n] = e.bid;
      click[n++] = e.isClick;
    }

    private <T> T copy(T source, T target, int keep) {
      System.arraycopy(source, from[2], target, 0, keep);
      return target;
    }

    /** Sums over [t - window, t) into out[at..at + 12). */
    void read(long t, double[] out, int at) {
      for (; visible < n && ts[visible] < t; visible++) for (int w = 0; w < 3; w++) count(w, visible, 1);
      for (int w = 0; w < 3; w++) {
        for (; from[w] < visible && ts[from[w]] < t - WINDOWS[w]; from[w]++) count(w, from[w], -1);
        out[at + w] = imps[w];
        out[at + 3 + w] = clicks[w];
        out[at + 6 + w] = bids[w];
        out[at + 9 + w] = imps[w] == 0 ? 0 : clicks[w] / imps[w];
      }
    }

    private void count(int w, int i, int sign) {
      if (click[i]) clicks[w] += sign;
      else imps[w] += sign;
      bids[w] += sign * bid[i];
    }
  }

  static final class Features extends KeyedProcessFunction<String, Event, Event> {
    private final int at;
    private final boolean ordered;
    private transient ValueState<Ring> rings;
    private transient ListState<Event> waiting;

    Features(int at, boolean ordered) {
      this.at = at;
      this.ordered = ordered;
    }

    @Override public void open(OpenContext context) {
      rings = getRuntimeContext().getState(new ValueStateDescriptor<>("ring", TypeInformation.of(Ring.class)));
      waiting = getRuntimeContext().getListState(new ListStateDescriptor<>("waiting", TypeInformation.of(Event.class)));
    }

    @Override public void processElement(Event event, Context context, Collector<Event> out) throws Exception {
      if (!ordered) {
        apply(List.of(event), out);
        return;
      }
      waiting.add(event);
      context.timerService().registerEventTimeTimer(event.ts);
    }

    @Override public void onTimer(long time, OnTimerContext context, Collector<Event> out) throws Exception {
      List<Event> due = new ArrayList<>(), later = new ArrayList<>();
      for (Event event : waiting.get()) (event.ts <= time ? due : later).add(event);
      waiting.update(later);
      due.sort((a, b) -> a.ts == b.ts ? a.id.compareTo(b.id) : Long.compare(a.ts, b.ts));
      apply(due, out);
    }

    private void apply(List<Event> events, Collector<Event> out) throws Exception {
      Ring ring = rings.value();
      if (ring == null) ring = new Ring();
      for (Event event : events) {
        if (!event.isClick) ring.read(event.ts, event.features, at);
        ring.add(event);
      }
      rings.update(ring);
      for (Event event : events) out.collect(event);
    }
  }

  static final class Parse extends ProcessFunction<String, Event> {
    private transient ObjectMapper json;

    @Override public void open(OpenContext context) {
      json = new ObjectMapper();
    }

    @Override public void processElement(String line, Context context, Collector<Event> out) throws Exception {
      JsonNode node = json.readTree(line);
      Event e = new Event();
      e.isClick = node.has("click_id");
      e.id = node.get(e.isClick ? "click_id" : "impression_id").asText();
      e.ts = node.get("ts").asLong();
      e.user = node.get("user_id").asText();
      e.ad = node.get("ad_id").asText();
      e.placement = node.get("placement").asText();
      e.campaign = node.get("campaign_id").asText();
      e.bid = e.isClick ? 0 : node.get("bid").asDouble();
      out.collect(e);
    }
  }

  /** Rows of (id as Java's modified UTF-8, 60 big-endian doubles), impressions only. */
  static final class Write extends ProcessFunction<Event, Void> {
    private final String path;
    private transient DataOutputStream file;

    Write(String path) {
      this.path = path;
    }

    @Override public void open(OpenContext context) throws Exception {
      file = new DataOutputStream(new BufferedOutputStream(new FileOutputStream(path), 1 << 20));
    }

    @Override public void processElement(Event event, Context context, Collector<Void> out) throws Exception {
      if (event.isClick) return;
      file.writeUTF(event.id);
      for (double value : event.features) file.writeDouble(value);
    }

    @Override public void close() throws Exception {
      if (file != null) file.close();
    }
  }
}
