package bustest

import "github.com/godbus/dbus/v5"

const notificationsName = "org.freedesktop.Notifications"

// Notifications shows notifications.
type Notifications struct {
	// Received are those that were shown.
	Received chan Notification
	conn     *dbus.Conn
}

// Notification is one of them.
type Notification struct {
	App, Title, Body string
	ID, Replaces     uint32
}

// Notifications begins to show notifications.
func (b *Bus) Notifications() (*Notifications, error) {
	n := &Notifications{Received: make(chan Notification, 64)}
	var err error
	n.conn, err = b.own(notificationsName, &notifyMethods{n: n}, "/org/freedesktop/Notifications")
	return n, err
}

// Close ends showing notifications.
func (n *Notifications) Close() error { return n.conn.Close() }

type notifyMethods struct {
	n    *Notifications
	last uint32
}

// Notify is how a program has a notification shown.
func (m *notifyMethods) Notify(app string, replaces uint32, _, title, body string, _ []string, _ map[string]dbus.Variant, _ int32) (uint32, *dbus.Error) {
	id := replaces
	if id == 0 {
		m.last++
		id = m.last
	}
	select {
	case m.n.Received <- Notification{app, title, body, id, replaces}:
		return id, nil
	default:
		return 0, dbus.NewError(notificationsName+".Error.Full", nil)
	}
}
