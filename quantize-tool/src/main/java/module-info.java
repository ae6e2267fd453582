/** The {@code rwkv} command. */
module dev.rwkv4j.tool {
    requires com.google.gson;
    requires dev.rwkv4j;
    requires org.apache.commons.cli;
}
