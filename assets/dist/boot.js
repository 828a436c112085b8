"use strict";(()=>{document.documentElement.dataset.js="";})();
