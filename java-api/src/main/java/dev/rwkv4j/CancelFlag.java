package dev.rwkv4j;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.spi.AbstractInterruptibleChannel;

/**
 * The number in native memory that stops an evaluation once it isn't zero. Any thread may set it at any time: its memory
 * lives as long as this object. {@link #clear}, {@link #begin} and {@link #end} are for the thread that evaluates.
 */
final class CancelFlag {
    private static final VarHandle VALUE = JAVA_INT.varHandle();

    private final MemorySegment value = Arena.ofAuto().allocate(JAVA_INT);
    private Interruption interruption = new Interruption();

    /**
     * A thread inside the native library does not notice an interrupt. The JDK has one hook for that, made for blocking
     * input and output: whoever interrupts a thread that is between begin and end closes this channel.
     */
    private final class Interruption extends AbstractInterruptibleChannel {
        @Override
        protected void implCloseChannel() {
            set();
        }

        void enter() {
            begin();
        }

        void leave() {
            try {
                end(true);
            } catch (AsynchronousCloseException interrupted) {
                // The flag has told the native library; the thread's interrupt status stays set.
            }
        }
    }

    MemorySegment address() {
        return value;
    }

    void set() {
        VALUE.setVolatile(value, 0L, 1);
    }

    void clear() {
        VALUE.setVolatile(value, 0L, 0);
    }

    boolean isSet() {
        return (int) VALUE.getVolatile(value, 0L) != 0;
    }

    /** From now on, an interrupt of the calling thread sets the flag; if the thread is interrupted already, at once. */
    void begin() {
        if (!interruption.isOpen()) {
            interruption = new Interruption();
        }
        interruption.enter();
    }

    /** Ends what {@link #begin} began. */
    void end() {
        interruption.leave();
    }
}
