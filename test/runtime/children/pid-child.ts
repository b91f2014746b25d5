console.log(process.pid);
