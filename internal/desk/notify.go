package desk

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"unicode"

	"github.com/godbus/dbus/v5"
)

// Notifier has the desktop show notifications, by
// org.freedesktop.Notifications.Notify (Desktop Notifications Specification 1.2).
// On Windows and macOS it answers errors.ErrUnsupported for now. The zero value
// works; it must not be copied after its first use.
type Notifier struct {
	// Icon is the name of an icon of the theme, or the path of a picture; empty:
	// the desktop's own for this program.
	Icon string

	mu    sync.Mutex
	conn  *dbus.Conn        // kept: some desktops take back what is shown when whoever showed it has gone
	shown map[string]uint32 // by key: the id of the latest notification
}

// Notify shows a notification, in the place of the latest one of the same key (a
// mailbox) if that is still there; an empty key takes nobody's place. Title and text
// are plain, on one line each: neither can contain markup. ErrNoBus: nobody could show it.
func (n *Notifier) Notify(ctx context.Context, key, title, text string) error {
	n.mu.Lock() // held, so that two of one mailbox keep their order
	defer n.mu.Unlock()
	if n.conn == nil || !n.conn.Connected() {
		conn, err := connect(ctx)
		if err != nil {
			return err
		}
		n.conn, n.shown = conn, make(map[string]uint32)
	}
	hints := map[string]dbus.Variant{"desktop-entry": dbus.MakeVariant("homing")}
	var id uint32
	err := n.conn.Object("org.freedesktop.Notifications", "/org/freedesktop/Notifications").CallWithContext(ctx,
		"org.freedesktop.Notifications.Notify", 0, "Homing", n.shown[key], n.Icon, line(title), body(text), []string{}, hints, int32(-1)).Store(&id)
	if err != nil {
		return fmt.Errorf("showing a notification: %w", err)
	}
	if key != "" {
		n.shown[key] = id
	}
	return nil
}

// Close ends the connection to the desktop. A later Notify opens another one.
func (n *Notifier) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.conn == nil {
		return nil
	}
	conn := n.conn
	n.conn = nil
	return conn.Close()
}

// line makes one line of s, in which everything can be seen: a mark that turns the
// direction of reading is as good as a space.
func line(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
}

// body makes one line of a text, in which nothing is markup: what comes from the
// network puts no link there. The names of ' and " are not known
// everywhere, and both are harmless outside of a tag.
func body(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(line(s))
}
