//! Wakes publishers at their due times, far more exactly than the millisecond of tokio's own timer. It must not know what
//! is due.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Instant;

/// The alarms of one thread. [`Timer::run`] has to run beside those who wait.
pub(super) struct Timer {
    inner: RefCell<Inner>,
    clock: clock::Clock,
}

#[derive(Default)]
struct Inner {
    slots: Vec<Slot>,
    due: BinaryHeap<Reverse<(Instant, usize)>>,
    /// What the clock is set to.
    armed: Option<Instant>,
}

#[derive(Default)]
struct Slot {
    at: Option<Instant>,
    waker: Option<Waker>,
}

/// One alarm.
pub(super) struct Alarm {
    timer: Rc<Timer>,
    slot: usize,
}

impl Timer {
    /// # Errors
    /// The system has no timer to give.
    pub(super) fn new() -> io::Result<Rc<Self>> {
        Ok(Rc::new(Self {
            inner: RefCell::default(),
            clock: clock::Clock::new()?,
        }))
    }

    pub(super) fn alarm(self: &Rc<Self>) -> Alarm {
        let mut inner = self.inner.borrow_mut();
        inner.slots.push(Slot::default());
        Alarm {
            timer: Rc::clone(self),
            slot: inner.slots.len() - 1,
        }
    }

    /// Wakes who is due, for ever.
    ///
    /// # Errors
    /// The system's timer failed.
    pub(super) async fn run(&self) -> io::Result<()> {
        loop {
            self.clock.fired().await?;
            let mut inner = self.inner.borrow_mut();
            inner.armed = None;
            inner.wake(Instant::now());
            self.arm(&mut inner)?;
        }
    }

    fn arm(&self, inner: &mut Inner) -> io::Result<()> {
        let Some(Reverse((first, _))) = inner.due.peek() else {
            return Ok(());
        };
        if inner.armed.is_none_or(|armed| *first < armed) {
            inner.armed = Some(*first);
            self.clock.set(*first)?;
        }
        Ok(())
    }
}

impl Inner {
    fn wake(&mut self, now: Instant) {
        while let Some(Reverse((at, slot))) = self.due.peek().copied().filter(|Reverse((at, _))| *at <= now) {
            self.due.pop();
            let slot = &mut self.slots[slot];
            // An alarm that was set anew stands in the heap a second time.
            if slot.at == Some(at) {
                slot.at = None;
                if let Some(waker) = slot.waker.take() {
                    waker.wake();
                }
            }
        }
    }
}

impl Alarm {
    /// Waits until a moment. Cancel-safe; the next call may name another one.
    ///
    /// # Errors
    /// The system's timer failed.
    pub(super) async fn at(&self, at: Instant) -> io::Result<()> {
        poll_fn(|context| {
            if at <= Instant::now() {
                return Poll::Ready(Ok(()));
            }
            let mut inner = self.timer.inner.borrow_mut();
            let slot = &mut inner.slots[self.slot];
            slot.waker = Some(context.waker().clone());
            if slot.at != Some(at) {
                slot.at = Some(at);
                inner.due.push(Reverse((at, self.slot)));
                if let Err(error) = self.timer.arm(&mut inner) {
                    return Poll::Ready(Err(error));
                }
            }
            Poll::Pending
        })
        .await
    }
}

#[cfg(target_os = "linux")]
mod clock {
    //! A timer file descriptor: exact to some ten microseconds.

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
    };
    use std::io;
    use std::os::fd::OwnedFd;
    use std::time::Instant;
    use tokio::io::unix::AsyncFd;

    pub(super) struct Clock(AsyncFd<OwnedFd>);

    impl Clock {
        pub(super) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let fd = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            // Deprecated because a type could close its descriptor early; an `OwnedFd` does not, and this program has
            // no `unsafe`, which the new name needs.
            #[allow(deprecated)]
            Ok(Self(AsyncFd::new(fd)?))
        }

        pub(super) fn set(&self, at: Instant) -> io::Result<()> {
            let wait = at.saturating_duration_since(Instant::now());
            let value = Timespec {
                tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
                // Zero would switch it off.
                tv_nsec: i64::from(wait.subsec_nanos().max(u32::from(wait.is_zero()))),
            };
            let once = Itimerspec {
                it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
                it_value: value,
            };
            timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &once)?;
            Ok(())
        }

        pub(super) async fn fired(&self) -> io::Result<()> {
            loop {
                let mut guard = self.0.readable().await?;
                let read = guard.try_io(|fd| {
                    let mut count = [0; 8];
                    Ok(rustix::io::read(fd.get_ref(), &mut count)?)
                });
                if let Ok(read) = read {
                    return read.map(|_| ());
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod clock {
    //! Tokio's timer: late by up to a millisecond, which the report shows as lateness.

    use std::cell::Cell;
    use std::io;
    use std::time::Instant;
    use tokio::sync::Notify;

    #[derive(Default)]
    pub(super) struct Clock {
        at: Cell<Option<Instant>>,
        set: Notify,
    }

    impl Clock {
        pub(super) fn new() -> io::Result<Self> {
            Ok(Self::default())
        }

        pub(super) fn set(&self, at: Instant) -> io::Result<()> {
            self.at.set(Some(at));
            self.set.notify_one();
            Ok(())
        }

        pub(super) async fn fired(&self) -> io::Result<()> {
            loop {
                let Some(at) = self.at.get() else {
                    self.set.notified().await;
                    continue;
                };
                tokio::select! {
                    () = tokio::time::sleep_until(at.into()) => {
                        self.at.set(None);
                        return Ok(());
                    }
                    () = self.set.notified() => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Not how exact, which depends on the machine: that each alarm comes, in order, and not before its time.
    #[test]
    fn alarms_come_in_order_and_not_early() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let timer = Timer::new().unwrap();
            let start = Instant::now();
            let came = RefCell::new(Vec::new());
            let wait = async |millis: u64| {
                let alarm = timer.alarm();
                let at = start + Duration::from_millis(millis);
                alarm.at(at).await.unwrap();
                assert!(Instant::now() >= at);
                came.borrow_mut().push(millis);
            };
            let all = async { tokio::join!(wait(9), wait(3), wait(0), wait(6)) };
            tokio::select! {
                _ = all => {}
                result = timer.run() => result.unwrap(),
            }
            assert_eq!(*came.borrow(), [0, 3, 6, 9]);
        });
    }

    #[test]
    fn an_alarm_can_be_set_anew_before_it_comes() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let timer = Timer::new().unwrap();
            let alarm = timer.alarm();
            let start = Instant::now();
            let waiting = async {
                tokio::select! {
                    biased;
                    _ = alarm.at(start + Duration::from_secs(3600)) => unreachable!("an hour has not passed"),
                    () = std::future::ready(()) => {}
                }
                alarm.at(start + Duration::from_millis(2)).await
            };
            tokio::select! {
                result = waiting => result.unwrap(),
                result = timer.run() => result.unwrap(),
            }
        });
    }
}
